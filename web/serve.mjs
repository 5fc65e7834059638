// Serves dist/ on this machine alone: node serve.mjs [PORT]

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".jpg": "image/jpeg",
};

/** Serves a folder; gives the server once it listens. Port 0 is any free one. */
export function serve(folder, port) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    let path = join(folder, normalize(pathname));
    if (pathname.endsWith("/")) path = join(path, "index.html");
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end("There is no such file.\n");
      return;
    }
    response.writeHead(200, {
      "Content-Type": TYPES[extname(path)] ?? "application/octet-stream",
      "X-Content-Type-Options": "nosniff",
    });
    createReadStream(path).pipe(response);
  });
  return new Promise((done, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", () => done(server));
  });
}

const own = fileURLToPath(import.meta.url);
if (process.argv[1] === own) {
  const server = await serve(join(dirname(own), "dist"), Number(process.argv[2] ?? 8000));
  console.log(`http://localhost:${server.address().port}/ (Ctrl-C ends it)`);
}
