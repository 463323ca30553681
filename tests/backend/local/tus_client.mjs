// tus-js-client against our server: node tus_client.mjs FILE URL_IN_CHUNKS URL_IN_ONE URL_TO_TERMINATE
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const [file, inChunks, inOne, toTerminate] = process.argv.slice(2);
const require = createRequire(path.join(process.cwd(), 'package.json'));
const tus = require('tus-js-client');
const size = fs.statSync(file).size;

function carry(uploadUrl, options, abortAt) {
  return new Promise((resolve, reject) => {
    let aborted = false;
    const upload = new tus.Upload(fs.createReadStream(file), {
      uploadUrl,
      uploadSize: size,
      retryDelays: [0, 200, 1000],
      onError: reject,
      onSuccess: () => resolve('complete'),
      onProgress: (sent) => {
        if (abortAt && sent > abortAt && !aborted) {
          aborted = true;
          upload.abort().then(() => resolve('aborted'));
        }
      },
      ...options,
    });
    upload.start();
  });
}

const chunkSize = 700 * 1024;
const report = [];
report.push(await carry(inChunks, { chunkSize }, size / 3));
report.push(await carry(inChunks, { chunkSize }));
report.push(await carry(inOne, { chunkSize: Infinity }));
report.push(await carry(toTerminate, { chunkSize }, size / 3));
await tus.Upload.terminate(toTerminate);
report.push((await fetch(toTerminate, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } })).status);
console.log(JSON.stringify(report));
