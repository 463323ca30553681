// tus-js-client onto an upload that exists: node tus_js.mjs FILE URL CHUNK [ABORT_AT [RETRIES]]. Says what became of it.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const [file, uploadUrl, chunk, abortAt, retries] = process.argv.slice(2);
const tus = createRequire(path.join(process.cwd(), 'package.json'))('tus-js-client');

function end(what) {
  console.log(what);
  process.exit();
}

const upload = new tus.Upload(fs.createReadStream(file), {
  uploadUrl,
  uploadSize: fs.statSync(file).size,
  chunkSize: Number(chunk),
  retryDelays: retries ? Array(Number(retries)).fill(0) : null,
  onError: (error) => end(`refused ${error.originalResponse?.getStatus()}`),
  onSuccess: () => end('complete'),
  onChunkComplete: (_, held) => {
    if (Number(abortAt) && held >= Number(abortAt)) upload.abort().then(() => end(`aborted ${held}`));
  },
});
upload.start();
