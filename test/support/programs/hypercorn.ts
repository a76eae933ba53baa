import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { documentFolder, freePort, type Program, type ServerOptions, startProgram, versionOf } from './program.ts'

/**
 * The application: the documents, `/echo` gives back what was sent, `/trailers` sends trailers and `/103` an early hint
 * where the server offers that extension of ASGI, and `/extensions` says what it offers.
 */
const APPLICATION = `
import os

FOLDER = os.path.dirname(os.path.abspath(__file__))

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    path = scope["path"]
    extensions = scope.get("extensions") or {}

    async def start(status, headers=(), trailers=False):
        message = {"type": "http.response.start", "status": status, "headers": list(headers)}
        if trailers:
            message["trailers"] = True
        await send(message)

    async def body(data, more=False):
        await send({"type": "http.response.body", "body": data, "more_body": more})

    if path == "/echo":
        await start(200)
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            more = message.get("more_body", False)
            await body(message.get("body", b""), more)
            if not more:
                return
    if path == "/extensions":
        await start(200)
        return await body(" ".join(sorted(extensions)).encode())
    if path == "/trailers" and "http.response.trailers" in extensions:
        await start(200, [(b"trailer", b"x-checksum")], True)
        await body(b"hello")
        return await send({"type": "http.response.trailers", "headers": [(b"x-checksum", b"abc")], "more_trailers": False})
    if path == "/103" and "http.response.early_hint" in extensions:
        await send({"type": "http.response.early_hint", "links": [b"</text>; rel=preload"]})
        await start(200)
        return await body(b"after hints")
    if path in ("/small", "/text", "/megabyte", "/ten-megabytes"):
        with open(FOLDER + path, "rb") as file:
            data = file.read()
        await start(200, [(b"content-length", str(len(data)).encode())])
        return await body(data)
    await start(404)
    await body(b"nothing here")
`

/** hypercorn, which is hyper-h2 under an ASGI server: over TLS, or cleartext with prior knowledge and `Upgrade`. */
export async function startHypercorn(options: ServerOptions = {}): Promise<Program | undefined> {
  const version = hypercornVersion()
  if (version === undefined) return undefined
  const { folder, ca } = await documentFolder()
  const port = await freePort()
  await writeFile(join(folder, 'application.py'), APPLICATION)
  await writeFile(
    join(folder, 'config.py'),
    `bind = ["127.0.0.1:${port}"]
errorlog = "-"
loglevel = "ERROR"
graceful_timeout = 0.1
shutdown_timeout = 1
keep_alive_timeout = ${options.impatient ? 0.3 : 60}
h2_max_concurrent_streams = ${options.streams ?? 256}
${options.plain ? '' : `certfile = "${folder}/cert.pem"\nkeyfile = "${folder}/key.pem"`}
`,
  )
  return startProgram({
    name: 'hypercorn',
    version,
    command: 'hypercorn',
    args: ['--config', join(folder, 'config.py'), 'application:app'],
    port,
    folder,
    ca,
    scheme: options.plain ? 'http' : 'https',
    env: { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' },
  })
}

/** It has no option that says its version: the interpreter that runs it knows. */
export function hypercornVersion(): string | undefined {
  const interpreter = versionOf('f=$(command -v hypercorn) && sed -n "1s/^#!//p" "$f"', '')
  if (interpreter === undefined || interpreter === '') return undefined
  return versionOf(interpreter, `-c 'from importlib.metadata import version; print("hypercorn", version("hypercorn"))'`)
}
