// tus-js-client as a peer: node tus_js.mjs FILE URL CHUNK CREATE|UPLOAD
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const [file, url, chunk, how] = process.argv.slice(2);
const require = createRequire(path.join(process.cwd(), 'package.json'));
const tus = require('tus-js-client');

const upload = new tus.Upload(fs.createReadStream(file), {
  ...(how === 'CREATE' ? { endpoint: url } : { uploadUrl: url }),
  uploadSize: fs.statSync(file).size,
  chunkSize: Number(chunk),
  retryDelays: [0, 200, 1000],
  onError: (error) => {
    console.error(error);
    process.exit(1);
  },
});
upload.start();
