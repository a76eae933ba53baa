"""Runs a command in a pseudo-terminal and tells what it wrote.

in-terminal.py COLUMNS STEPS COMMAND...: STEPS are JSON, a list of {"after": text, "send": text}, {"after": text, "signal": "INT"} and
{"after": text, "resize": columns}: each is done once the text has been seen behind what the step before saw. Written to standard
output: one JSON with "code" and "shown".
"""
import fcntl, json, os, pty, signal, struct, sys, termios


def resize(fd, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


columns, steps, command = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
resize(fd, columns)
shown = b""
seen = 0
while True:
    try:
        chunk = os.read(fd, 65536)
    except OSError:
        break
    if not chunk:
        break
    shown += chunk
    while steps and (at := shown.find(steps[0]["after"].encode(), seen)) >= 0:
        step = steps.pop(0)
        seen = at + len(step["after"].encode())
        if "send" in step:
            os.write(fd, step["send"].encode())
        if "signal" in step:
            os.kill(pid, getattr(signal, "SIG" + step["signal"]))
        if "resize" in step:
            resize(fd, step["resize"])
            os.kill(pid, signal.SIGWINCH)
_, status = os.waitpid(pid, 0)
json.dump({"code": os.waitstatus_to_exitcode(status), "shown": shown.decode("utf-8", "replace")}, sys.stdout)
