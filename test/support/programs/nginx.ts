import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  documentFolder,
  freePort,
  isRoot,
  type Program,
  type ServerOptions,
  startProgram,
  versionOf,
} from './program.ts'

/**
 * nginx with HTTP/2: over TLS, or cleartext with prior knowledge alone; `http1` is cleartext HTTP/1.1. `/upload` takes a
 * body and answers with its length, `PUT /dav/NAME` stores one, `/sum` has a trailer. `http://sink` answers
 * the `directives` that pass to it with 204. Takes `backend` for `/103`.
 */
export async function startNginx(
  options: ServerOptions & { directives?: string; http1?: boolean } = {},
): Promise<Program | undefined> {
  const version = versionOf('nginx', '-v')
  if (version === undefined) return undefined
  const { folder, ca } = await documentFolder()
  const port = await freePort()
  const sink = await freePort()
  const plain = options.plain || options.http1
  const directives = [
    options.streams === undefined ? '' : `http2_max_concurrent_streams ${options.streams};`,
    options.requests === undefined ? '' : `keepalive_requests ${options.requests};`,
    options.impatient ? 'keepalive_timeout 300ms;' : '',
    options.backend === undefined ? '' : `location = /103 { proxy_pass ${options.backend}; }`,
    options.directives ?? '',
  ]
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr error; ${isRoot ? 'user root;' : ''}
events { worker_connections 1024; }
http {
  access_log off; sendfile on; default_type application/octet-stream; keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  client_max_body_size 64m; 
  upstream sink { server 127.0.0.1:${sink}; keepalive 64; }
  server { listen 127.0.0.1:${sink}; location / { return 204; } }
  server {
    listen 127.0.0.1:${port} ${plain ? '' : 'ssl'} ${options.http1 ? '' : 'http2'}; server_name localhost;
    ${plain ? '' : `ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;`}
    ${directives.join('\n    ')}
    location / { root ${folder}; }
    location = /sum { alias ${folder}/small; add_trailer x-sum abc; }
    location = /text { root ${folder}; http2_push /small; gzip on; gzip_types *; gzip_min_length 1000; }
    location /upload { add_header x-length $http_content_length always; client_body_in_file_only clean; proxy_pass http://127.0.0.1:${sink}; }
    location /dav { root ${folder}; dav_methods PUT; create_full_put_path on; }
  }
}
`,
  )
  return startProgram({
    name: 'nginx',
    version,
    command: 'nginx',
    args: ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')],
    port,
    folder,
    ca,
    scheme: plain ? 'http' : 'https',
  })
}
