// @tus/server on a port of its own: node tus_server.mjs FOLDER. Prints its port, then serves until its input closes.
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const from = createRequire(path.join(process.cwd(), 'package.json'));
const load = (name) => import(pathToFileURL(from.resolve(name)));
const [{ Server }, { FileStore }] = [await load('@tus/server'), await load('@tus/file-store')];

const server = new Server({ path: '/files', datastore: new FileStore({ directory: process.argv[2] }) });
const listening = server.listen({ host: '127.0.0.1', port: 0 }, () => console.log(listening.address().port));
process.stdin.resume().on('end', () => process.exit());
