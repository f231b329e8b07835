#!/usr/bin/env python3
"""A plain http.server that autoup can swap: it takes its listening socket as descriptor 3.

It knows nothing else of autoup, and does not say when it is ready: autoup sees it accept. On SIGTERM it stops
accepting, finishes what is in flight and ends. Started by hand, it listens on PORT (default 8080).
"""

import json
import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

VERSION = "1"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/slow":
            time.sleep(float(parse_qs(url.query).get("ms", ["5000"])[0]) / 1000)
        elif url.path == "/crash":
            os._exit(1)
        generation = int(os.environ.get("AUTOUP_GENERATION", "0"))
        body = json.dumps({"version": VERSION, "pid": os.getpid(), "generation": generation}, separators=(",", ":"))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) + 1))
        self.end_headers()
        self.wfile.write(body.encode() + b"\n")

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() then waits for every answer in flight


def listener():
    """Descriptor 3 where a supervisor passed one to this process (sd_listen_fds(3)), else a socket of our own."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        return socket.socket(fileno=3)
    return socket.create_server(("", int(os.environ.get("PORT", "8080"))))


server = Server(("", 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = listener()
# shutdown() waits for the loop of serve_forever(), so it may not run on the thread of that loop.
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
server.server_close()
