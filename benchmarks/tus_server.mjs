// @tus/server with its file store as a peer: node tus_server.mjs FOLDER ; prints its port, ends with its standard input
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(path.join(process.cwd(), 'package.json'));
const { Server } = await import(pathToFileURL(require.resolve('@tus/server')));
const { FileStore } = await import(pathToFileURL(require.resolve('@tus/file-store')));

const tus = new Server({ path: '/files', datastore: new FileStore({ directory: process.argv[2] }) });
const server = http.createServer(tus.handle.bind(tus));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit());
