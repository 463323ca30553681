// @mux/upchunk, a browser's program, onto an address: node upchunk.mjs FILE URL CHUNK_KIB. Says what became of it.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const [name, endpoint, chunkSize] = process.argv.slice(2);

// As much of a browser as it asks for.
class XMLHttpRequest {
  readyState = 0;
  withCredentials = false;
  headers = {};
  upload = {};
  open(method, url) {
    Object.assign(this, { method, url });
  }
  setRequestHeader(key, value) {
    this.headers[key] = value;
  }
  getResponseHeader(key) {
    return this.reply?.headers.get(key) ?? null;
  }
  getAllResponseHeaders() {
    return [...(this.reply?.headers ?? [])].map(([key, value]) => `${key}: ${value}\r\n`).join('');
  }
  abort() {}
  async send(body) {
    try {
      this.reply = await fetch(this.url, { method: this.method, headers: this.headers, body, redirect: 'manual' });
      this.responseText = this.response = await this.reply.text();
      this.status = this.reply.status;
      this.readyState = 4;
      this.onreadystatechange?.();
      this.onload?.();
    } catch (error) {
      this.onerror?.(error);
    }
  }
}
globalThis.window = { XMLHttpRequest, navigator: { onLine: true }, addEventListener() {} };

const { createUpload } = createRequire(path.join(process.cwd(), 'package.json'))('@mux/upchunk');
const file = new File([fs.readFileSync(name)], path.basename(name), { type: 'video/mp4' });
const upload = createUpload({ endpoint, file, chunkSize: Number(chunkSize), attempts: 2, delayBeforeAttempt: 0 });
upload.on('success', () => console.log('complete'));
upload.on('error', ({ detail }) => console.log(`refused ${detail.message}`));
