/** nginx for each protocol of the matrix, in a process of its own. It also takes the uploads: it reads them whole, drops them, and answers. */
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Program, startNginx } from '../../test/support/programs.ts'
import { JSON_TEXT, LONG_JSON_GZIP } from './works.ts'

export const protocols = ['HTTP/2 TLS', 'HTTP/1.1 TLS', 'HTTP/1.1 clear', 'h2c'] as const
export type Protocol = (typeof protocols)[number]

/** Sixteen that stay, and four that are others in each response; with nginx's own there are more than twenty. */
const FIELDS = [
  ...Array.from({ length: 12 }, (_, i) => `add_header x-fixed-${i} 'a value that does not change, number ${i}';`),
  "add_header cache-control 'private, max-age=0';",
  "add_header vary 'accept-encoding';",
  "add_header strict-transport-security 'max-age=31536000';",
  "add_header content-security-policy 'default-src self';",
  'add_header x-request-id $request_id;',
  'add_header x-time $msec;',
  'add_header x-count $connection_requests;',
  'add_header x-trace $request_id-$msec;',
].join(' ')

/** The whole body is read before the next server is asked, which is given none of it. */
const TAKE =
  "proxy_pass http://sink; proxy_http_version 1.1; proxy_pass_request_headers off; proxy_pass_request_body off; proxy_set_header connection ''; proxy_set_header content-length '';"

const DIRECTIVES = `
    location = /json { default_type application/json; ${FIELDS} return 200 '${JSON_TEXT}'; }
    location = /take { client_body_buffer_size 16k; ${TAKE} }
    location = /take-large { client_body_buffer_size 17m; ${TAKE} }
    location = /coded { default_type application/json; add_header content-encoding gzip; root .; }`

/** Undefined when nginx is not installed. */
export async function startServer(protocol: Protocol): Promise<Program | undefined> {
  // Whoever speaks another protocol than its column says is told off: the cell fails.
  const wrong = protocol === 'HTTP/2 TLS' || protocol === 'h2c' ? '!=' : '='
  const directives = `if ($server_protocol ${wrong} 'HTTP/2.0') { return 505; } ${DIRECTIVES}`
  const program = await startNginx(
    protocol === 'h2c'
      ? { plain: true, directives }
      : protocol === 'HTTP/1.1 clear'
        ? { http1: true, directives }
        : { directives },
  )
  if (program === undefined) return undefined
  await writeFile(join(program.folder, 'coded'), LONG_JSON_GZIP)
  const long = await open(join(program.folder, 'long'), 'w')
  // Zeros that take no room on the disk: the client does not look at them.
  await long.truncate(64 << 20)
  await long.close()
  return program
}
