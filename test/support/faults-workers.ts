/**
 * Workers in Python that are started in unusual ways: they fork themselves away, name another process as the main
 * one, or stand behind a shell. All of them answer `{"pid": …, "version": …}`, a POST when its body ends
 * (held.ts).
 */

/** Up to `server`, on descriptor 3, whoever it was meant for: behind a shell LISTEN_PID is the shell's. */
export const SERVES_ANYWHERE = `#!/usr/bin/python3
import json, os, signal, socket, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def body(self):
        return json.dumps({"version": os.environ.get("AUTOUP_GENERATION"), "pid": os.getpid()}, separators=(",", ":")).encode()

    def do_GET(self):
        body = self.body()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        while self.rfile.readline() not in (b"0\\r\\n", b""):
            pass
        self.rfile.readline()
        self.wfile.write(self.body())

    def address_string(self):
        return ""

    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    daemon_threads = False

def notify(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])

server = Server(("", 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=3)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
`

/** What a worker says when it accepts nothing more, and waits for what it has in hand. */
export const DRAINS = 'accepts nothing more'

const SERVE = `server.serve_forever(0.05)
print("${DRAINS}", flush=True)
server.server_close()
`

/** Serves as it is. */
export const PLAIN: string = SERVES_ANYWHERE + SERVE

/** daemon(7), the old way: fork, setsid, fork; the first two processes end with 0. */
export const DOUBLE_FORK: string = `${SERVES_ANYWHERE}
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
${SERVE}`

/** The same, and says READY=1 only when it has forked itself away. */
export const DOUBLE_FORK_READY: string = DOUBLE_FORK.replace(SERVE, `notify("READY=1")\n${SERVE}`)

/** One fork; the parent names its child as the main process and waits for it. */
export const MAIN_PID: string = `${SERVES_ANYWHERE}
child = os.fork()
if child:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    server.socket.detach()
    os.close(3)
    notify("MAINPID=%d\\nREADY=1" % child)
    os.waitpid(child, 0)
    os._exit(0)
${SERVE}`

/** As MAIN_PID, but the child is in a session of its own, and the parent hears no signal and stays. */
export const MAIN_PID_ELSEWHERE: string = MAIN_PID.replace('signal.SIG_DFL', 'signal.SIG_IGN')
  .replace('os.waitpid(child, 0)\n    os._exit(0)', 'while True: signal.pause()')
  .replace(SERVE, `os.setsid()\n${SERVE}`)

/** As MAIN_PID, but the parent ends at once, with an error: that is nobody's death any more. */
export const MAIN_PID_AND_GONE: string = MAIN_PID.replace('os.waitpid(child, 0)\n    os._exit(0)', 'os._exit(3)')

/** Names a process as the main one that is none of its own. */
export function namesAStranger(pid: number): string {
  return `${SERVES_ANYWHERE}notify("MAINPID=${pid}\\nREADY=1")\n${SERVE}`
}

/** On `/orphan` it starts a process that outlives its parent, a fifth of a second. */
export const LEAVES_ORPHANS: string = PLAIN.replace(
  '        body = self.body()',
  `        if self.path == "/orphan":
            child = os.fork()
            if child == 0:
                if os.fork() == 0:
                    os.execv("/bin/sleep", ["sleep", "0.2"])
                os._exit(0)
            os.waitpid(child, 0)
        body = self.body()`,
)
