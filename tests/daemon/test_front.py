#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Front against hostile and honest outsiders: rows 37-44 of the acceptance matrix, over real sockets.
usage: test_front.py FRONT_ALONE [NAME…]   Last line: N passed, N failed."""
import base64, hashlib, json, os, re, socket, ssl, struct, subprocess, sys, tempfile, threading, time, traceback, warnings

warnings.simplefilter('ignore', DeprecationWarning)  # old TLS versions are tried on purpose

HOST = 'Host: localhost\r\n'
FAILED, PASSED = [], 0


def check(what, ok, got=''):
    global PASSED
    if ok:
        PASSED += 1
    else:
        FAILED.append(what)
        print('FAIL', what, repr(got)[:300], flush=True)


class Front:
    def __init__(self, program, folder):
        self.folder, self.log = folder, open(os.path.join(folder, 'log'), 'w+b')
        self.pem = self.certificate('first')
        self.sanitized = b'__asan_init' in open(program, 'rb').read()
        self.process = subprocess.Popen([program, self.pem], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log)
        words = self.process.stdout.readline().split()
        self.https, self.plain = int(words[1]), int(words[3])

    def certificate(self, name):
        key, crt = (os.path.join(self.folder, name + x) for x in ('.key', '.crt'))
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-keyout', key, '-out', crt, '-days', '9', '-subj', '/CN=' + name], check=True,
                       stderr=subprocess.DEVNULL)
        with open(key + '+', 'w') as out:
            out.write(open(crt).read() + open(key).read())
        return key + '+'

    def command(self, line):
        self.process.stdin.write(line.encode() + b'\n')
        self.process.stdin.flush()
        words = self.process.stdout.readline().decode().split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def rss(self):
        for line in open('/proc/%d/status' % self.process.pid):
            if line.startswith('VmRSS'):
                return int(line.split()[1]) * 1024

    def fds(self):
        return len(os.listdir('/proc/%d/fd' % self.process.pid))

    def connect(self, tls=False, timeout=5, context=None):
        s = socket.create_connection(('127.0.0.1', self.https if tls else self.plain), timeout=timeout)
        if tls:
            s = (context or client_context()).wrap_socket(s, server_hostname='localhost')
        return s


def client_context():
    c = ssl.create_default_context()
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    return c


def read_all(s, limit=1 << 22):
    """Everything until the other side closes; None when it does not."""
    data = b''
    try:
        while len(data) < limit:
            piece = s.recv(65536)
            if not piece:
                return data
            data += piece
    except (TimeoutError, socket.timeout):
        return None
    except OSError:
        return data
    return data


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __getitem__(self, name):
        return self.headers.get(name.lower())


class Reader:
    """Answers of one connection, one after the other."""

    def __init__(self, s):
        self.s, self.data = s, b''

    def more(self):
        piece = self.s.recv(65536)
        if not piece:
            raise EOFError
        self.data += piece

    def answer(self, head=False):
        while b'\r\n\r\n' not in self.data:
            self.more()
        top, self.data = self.data.split(b'\r\n\r\n', 1)
        lines = top.decode('latin-1').split('\r\n')
        headers = {}
        for line in lines[1:]:
            name, value = line.split(': ', 1)
            headers[name.lower()] = headers[name.lower()] + ', ' + value if name.lower() in headers else value
        status = int(lines[0].split()[1])
        n = 0 if head or status in (100, 101, 204, 304) else int(headers.get('content-length', 0))
        while len(self.data) < n:
            self.more()
        body, self.data = self.data[:n], self.data[n:]
        return Answer(status, headers, body)


def ask(front, method, path, headers='', body=b'', tls=False):
    with front.connect(tls) as s:
        if body or method in ('POST', 'PATCH'):
            headers += 'Content-Length: %d\r\n' % len(body)
        s.sendall(('%s %s HTTP/1.1\r\n%s%s\r\n' % (method, path, HOST, headers)).encode('latin-1') + body)
        return Reader(s).answer(method == 'HEAD')


SMUGGLED = 'GET /healthz?smuggled HTTP/1.1\r\n' + HOST + '\r\n'
FRAMING = [
    'GET / HTTP/1.1\n' + HOST + '\r\n', 'GET / HTTP/1.1\r\nHost: localhost\n\r\n', 'GET / HTTP/1.1\r\n' + HOST + '\n',
    'GET / HTTP/1.1\r\n' + HOST + 'A: b\rc\r\n\r\n', 'GET / HTTP/1.1\r\r\n' + HOST + '\r\n',
    'GET / HTTP/1.1\r\n' + HOST + 'A: b\0\r\n\r\n', 'GET /\0 HTTP/1.1\r\n' + HOST + '\r\n',
    'GET / HTTP/1.1\r\n' + HOST + 'A: b\x01\r\n\r\n', 'GET / HTTP/1.1\r\n' + HOST + 'A: \x1b[31m\r\n\r\n',
    'GET / HTTP/1.1\r\n' + HOST + 'A: b\r\n c\r\n\r\n', 'GET / HTTP/1.1\r\n' + HOST + 'A: b\r\n\tc\r\n\r\n',
    'GET / HTTP/1.1\r\n ' + HOST + '\r\n', 'GET / HTTP/1.1\r\nHost : localhost\r\n\r\n',
    'GET / HTTP/1.1\r\n' + HOST + 'A\t: b\r\n\r\n', 'GET / HTTP/1.1\r\n' + HOST + ': b\r\n\r\n',
    'GET / HTTP/1.1\r\n' + HOST + 'nothing\r\n\r\n', 'GET / HTTP/1.1\r\n' + HOST + 'A(b: c\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1\r\n' + HOST + HOST + '\r\n',
    'GET / HTTP/1.1\r\nHost:\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: localhost/x\r\n\r\n', 'GET / HTTP/1.1\r\nHost: localhost, b\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: localhost:99999\r\n\r\n', 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n',
    'POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' + SMUGGLED,
    'POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n' + SMUGGLED,
    'POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Content-Length: 0\r\nContent-Length: 40\r\n\r\n' + SMUGGLED,
    'POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc' + SMUGGLED,
    'POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Content-Length: 0, 40\r\n\r\n' + SMUGGLED,
] + [
    'POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Content-Length: %s\r\n\r\nabc' % v + SMUGGLED
    for v in ('+3', '-3', '3 0', '0x3', '3.0', '', '03', '3,', '3;a', '18446744073709551619', '99999999999999999999')
] + [
    'POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Transfer-Encoding:%s\r\n\r\n0\r\n\r\n' % v + SMUGGLED
    for v in (' identity', ' gzip, chunked', ' chunked, chunked', ' xchunked', ' "chunked"', ' chunked;a=b', '',
              ' \x0bchunked', ' chunked\r\nTransfer-Encoding: x', ' x\r\nTransfer-Encoding: chunked')
] + [
    'POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n' + v + SMUGGLED
    for v in ('5\nhello\r\n0\r\n\r\n', '5\rhello\r\n0\r\n\r\n', '+5\r\nhello\r\n0\r\n\r\n', '0x5\r\nhello\r\n0\r\n\r\n',
              '5 \r\nhello\r\n0\r\n\r\n', ' 5\r\nhello\r\n0\r\n\r\n', '-1\r\nhello\r\n0\r\n\r\n', '\r\nhello\r\n0\r\n\r\n',
              '5\r\nhelloX\r\n0\r\n\r\n', '5\r\nhello\n0\r\n\r\n', '5;a\nb\r\nhello\r\n0\r\n\r\n', '0\r\nHost: x\r\n\r\n',
              '100000000\r\nhello\r\n', 'ffffffff\r\nhello\r\n', '5;' + 'x' * 99 + '\r\nhello\r\n0\r\n\r\n')
] + [
    'GET  / HTTP/1.1\r\n' + HOST + '\r\n', 'GET /  HTTP/1.1\r\n' + HOST + '\r\n', 'GET\t/ HTTP/1.1\r\n' + HOST + '\r\n',
    ' GET / HTTP/1.1\r\n' + HOST + '\r\n', '\r\nGET / HTTP/1.1\r\n' + HOST + '\r\n', 'GET / HTTP/1.1 \r\n' + HOST + '\r\n',
    'GET /\r\n' + HOST + '\r\n', 'GET / HTTP/0.9\r\n' + HOST + '\r\n', 'GET / HTTP/2.0\r\n' + HOST + '\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'GET / http/1.1\r\n' + HOST + '\r\n', 'GET / HTTP/1.10\r\n' + HOST + '\r\n',
    'G@T / HTTP/1.1\r\n' + HOST + '\r\n', 'GET http://evil.example/ HTTP/1.1\r\n' + HOST + '\r\n',
    'CONNECT localhost:443 HTTP/1.1\r\n' + HOST + '\r\n', 'GET * HTTP/1.1\r\n' + HOST + '\r\n',
    'GET r HTTP/1.1\r\n' + HOST + '\r\n', 'GET /#a HTTP/1.1\r\n' + HOST + '\r\n', 'GET /\xe4 HTTP/1.1\r\n' + HOST + '\r\n',
    'GET /a\\b HTTP/1.1\r\n' + HOST + '\r\n', 'GET /%zz HTTP/1.1\r\n' + HOST + '\r\n', 'GET /% HTTP/1.1\r\n' + HOST + '\r\n',
    'GET /%00 HTTP/1.1\r\n' + HOST + '\r\n', 'GET /a%0d%0aX-Injected:1 HTTP/1.1\r\n' + HOST + '\r\n',
    'GET /r/%2e%2e/x HTTP/1.1\r\n' + HOST + '\r\n', 'GET /../etc/passwd HTTP/1.1\r\n' + HOST + '\r\n',
    'GET /r/..%2fx HTTP/1.1\r\n' + HOST + '\r\n', 'GET /r/%252e%252e HTTP/1.1\r\n' + HOST + '\r\n',
    'GET /r/%c0%ae HTTP/1.1\r\n' + HOST + '\r\n', 'GET //r/x HTTP/1.1\r\n' + HOST + '\r\n', 'GET /r/x/ HTTP/1.1\r\n' + HOST + '\r\n',
    'GET /' + 'a' * 9000 + ' HTTP/1.1\r\n' + HOST + '\r\n', 'GET / HTTP/1.1\r\n' + HOST + 'A: b\r\n' * 64 + '\r\n',
    'GET / HTTP/1.1\r\n' + HOST + 'A: ' + 'b' * 20000 + '\r\n\r\n', 'POST / HTTP/1.1\r\n' + HOST + 'Expect: x\r\n\r\n',
    'GET / HTTP/1.1\r\n' + HOST + 'Content-Length: 5\r\n\r\nhello' + SMUGGLED,
    'POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Content-Type: application/json\r\nContent-Length: 65537\r\n\r\n',
    'POST /whip/a HTTP/1.1\r\n' + HOST + 'Content-Type: application/sdp\r\nContent-Length: 262145\r\n\r\n',
    'DELETE /api/v1/rooms/a HTTP/1.1\r\n' + HOST + 'Transfer-Encoding: chunked\r\n\r\n' + 'fff1\r\n' + 'a' * 0xfff1 + '\r\nff\r\n',
]


def test_framing(front):
    refused = 0
    for text in FRAMING:
        with front.connect(timeout=4) as s:
            s.sendall(text.encode('latin-1'))
            data = read_all(s)
        found = re.findall(rb'HTTP/1\.1 (\d{3}) ', data or b'')
        ok = data is not None and len(found) == 1 and found[0][:1] in b'45' and b'ok\n' not in data
        check('framing ' + repr(text[:70]), ok, data)
        refused += ok
    print('http framing over sockets: refused %d of %d' % (refused, len(FRAMING)))


def test_honest_http(front):
    one = ('GET /healthz HTTP/1.1\r\n' + HOST + '\r\n').encode()
    with front.connect() as s:
        s.sendall(one * 50)
        r = Reader(s)
        got = [r.answer().status for _ in range(50)]
        check('50 pipelined', got == [200] * 50, got)
        for i in range(len(one)):
            s.sendall(one[i:i + 1])
        check('byte by byte', r.answer().body == b'ok\n')
        s.sendall(('POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Content-Type: application/json\r\n'
                   'Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;a=b\r\n}\r\n0\r\n\r\n').encode() + one)
        a, b = r.answer(), r.answer()
        check('chunked, then another', (a.status, json.loads(a.body)['bytes'], b.body) == (200, 2, b'ok\n'), a.body)
        s.sendall(('POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Content-Type: application/json\r\nContent-Length: 2\r\n'
                   'Expect: 100-continue\r\n\r\n').encode())
        check('100 first', r.answer().status == 100)
        s.sendall(b'{}')
        check('then 200', r.answer().status == 200)
        s.sendall(b'HEAD / HTTP/1.1\r\n' + HOST.encode() + b'\r\n' + one)
        a = r.answer(head=True)
        check('HEAD has no body', a.status == 200 and int(a['content-length']) > 0 and r.answer().body == b'ok\n')
        s.sendall(b'GET /healthz HTTP/1.1\r\n' + HOST.encode() + b'Connection: close\r\n\r\n' + one)
        data = read_all(s)
        check('close is close', data is not None and data.count(b'HTTP/1.1 ') == 1, data)
    with front.connect() as s:
        s.sendall(b'GET /healthz HTTP/1.0\r\n' + HOST.encode() + b'\r\n')
        check('HTTP/1.0 is closed', (read_all(s) or b'').endswith(b'ok\n'))
    with front.connect() as s:
        s.sendall(one)
        s.shutdown(socket.SHUT_WR)
        check('half-closed client is answered', (read_all(s) or b'').endswith(b'ok\n'))
    check('OPTIONS *', ask(front, 'OPTIONS', '*').status == 204)
    for method, path, want in (('POST', '/', 405), ('PUT', '/healthz', 405), ('TRACE', '/metrics', 405), ('get', '/', 405),
                               ('PATCH', '/api/v1/rooms', 405), ('GET', '/api/v1/nothing', 404), ('GET', '/nothing', 404),
                               ('GET', '/r/a.b', 404), ('GET', '/r/' + 'a' * 65, 404), ('GET', '/r/a', 200),
                               ('GET', '/a/b/c/d/e/f/g/h', 404), ('GET', '/ws', 426)):
        a = ask(front, method, path)
        check('%s %s is %d' % (method, path, want), a.status == want and (want != 405 or a['allow']), a.status)
        check('%s %s is a problem with a title' % (method, path),
              want == 200 or (a['content-type'] == 'application/problem+json' and json.loads(a.body)['title']), a.body)
    a = ask(front, 'GET', '/r/room')
    b = ask(front, 'GET', '/r/room', 'If-None-Match: %s\r\n' % a['etag'])
    check('ETag', b.status == 304 and not b.body, b.status)
    for name, word in (('content-security-policy', "script-src 'self' 'wasm-unsafe-eval'"), ('x-content-type-options', 'nosniff'),
                       ('referrer-policy', 'no-referrer'), ('permissions-policy', 'camera=(self)'),
                       ('content-security-policy', "frame-ancestors 'none'")):
        check('page has ' + name, word in (a[name] or ''), a[name])
    check('no HSTS in plain', a['strict-transport-security'] is None)
    check('HSTS over TLS', ask(front, 'GET', '/', tls=True)['strict-transport-security'])
    check('a header of the keeper cannot split', ask(front, 'GET', '/api/v1/rooms/split').status == 500)
    check('metrics', b'incamera_front_requests_total ' in ask(front, 'GET', '/metrics').body)
    check('health', front.command('health 0') and ask(front, 'GET', '/healthz').status == 503)
    front.command('health 1')
    check('health again', ask(front, 'GET', '/healthz').status == 200)


def test_origins(front):
    own = 'http://localhost'
    bad = ['https://evil.example', 'null', 'http://localhost.evil.example', 'http://evil.example/localhost', 'http://localhost@evil.example',
           'http://localhost:81', 'https://localhost', 'http://xlocalhost', 'localhost', 'http://', 'file://', 'http://localhost ,http://localhost',
           'http://friend.example', 'https://friend.example.evil', 'https://friend.example/']
    for o in bad:
        a = ask(front, 'POST', '/api/v1/rooms', 'Origin: %s\r\nContent-Type: application/json\r\n' % o, b'{}')
        check('API refuses Origin ' + o, a.status == 403 and not a['access-control-allow-origin'], a.status)
        s = WebSocket.open(front, origin=o, expect=403)
        check('no socket for Origin ' + o, s == 403, s)
        a = ask(front, 'POST', '/whip/a', 'Origin: %s\r\nContent-Type: application/sdp\r\n' % o, b'v=0\r\n')
        check('plain WHIP refuses Origin ' + o, a.status == 403, a.status)
    for o in (own, 'HTTP://LOCALHOST', 'https://friend.example', own + ':80', None):
        header = 'Origin: %s\r\n' % o if o else ''
        check('API takes Origin %s' % o, ask(front, 'POST', '/api/v1/rooms', header + 'Content-Type: application/json\r\n', b'{}').status == 200)
        w = WebSocket.open(front, origin=o)
        check('socket for Origin %s' % o, isinstance(w, WebSocket), w)
        if isinstance(w, WebSocket):
            w.s.close()
    two = 'Origin: http://localhost\r\nOrigin: https://evil.example\r\n'
    check('two Origins', ask(front, 'POST', '/api/v1/rooms', two + 'Content-Type: application/json\r\n', b'{}').status == 400)
    for kind in ('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=a', ''):
        header = 'Content-Type: %s\r\n' % kind if kind else ''
        a = ask(front, 'POST', '/api/v1/rooms/a/guest', header, b'{"a":1}')
        check('a form is no JSON: ' + kind, a.status == 415, a.status)
    a = ask(front, 'OPTIONS', '/api/v1/rooms', 'Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n')
    b = ask(front, 'OPTIONS', '/api/v1/rooms', 'Origin: https://friend.example\r\nAccess-Control-Request-Method: POST\r\n')
    check('CORS for a friend', b.status == 204 and b['access-control-allow-origin'] == 'https://friend.example', b.headers)
    check('no CORS for the API', not a['access-control-allow-origin'], a.headers)


class WebSocket:
    def __init__(self, s, reader):
        self.s, self.data = s, reader.data

    @staticmethod
    def open(front, origin=None, tls=False, headers='', expect=None, key=None, version='13', protocol='incamera.v1',
             rcvbuf=0, timeout=5, method='GET'):
        s = front.connect(tls, timeout=timeout)
        if rcvbuf:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        key = base64.b64encode(os.urandom(16)).decode() if key is None else key
        text = '%s /ws HTTP/1.1\r\n%sUpgrade: websocket\r\nConnection: Upgrade\r\n' % (method, HOST)
        text += 'Sec-WebSocket-Key: %s\r\n' % key if key else ''
        text += 'Sec-WebSocket-Version: %s\r\n' % version if version else ''
        text += 'Sec-WebSocket-Protocol: %s\r\n' % protocol if protocol else ''
        text += 'Origin: %s\r\n' % origin if origin else ''
        s.sendall((text + headers + '\r\n').encode('latin-1'))
        r = Reader(s)
        a = r.answer()
        if a.status != 101:
            s.close()
            return a.status
        want = base64.b64encode(hashlib.sha1(key.encode() + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest()).decode()
        if a['sec-websocket-accept'] != want or a['sec-websocket-protocol'] != 'incamera.v1' or a['sec-websocket-extensions']:
            return 0
        return WebSocket(s, r)

    @staticmethod
    def frame(first, body=b'', mask=b'\x12\x34\x56\x78'):
        head = bytes([first])
        bit = 0x80 if mask else 0
        if len(body) < 126:
            head += bytes([bit | len(body)])
        elif len(body) < 65536:
            head += bytes([bit | 126]) + struct.pack('>H', len(body))
        else:
            head += bytes([bit | 127]) + struct.pack('>Q', len(body))
        if not mask:
            return head + body
        long = (mask * (len(body) // 4 + 1))[:len(body)]
        return head + mask + (int.from_bytes(body, 'big') ^ int.from_bytes(long, 'big')).to_bytes(len(body), 'big')

    def raw(self, data):
        self.s.sendall(data)

    def send(self, message):
        self.raw(self.frame(0x81, json.dumps(message).encode()))

    def need(self, n):
        while len(self.data) < n:
            piece = self.s.recv(65536)
            if not piece:
                raise EOFError
            self.data += piece

    def receive(self):
        self.need(2)
        first, n, at = self.data[0], self.data[1], 2
        if n & 0x80:
            raise ValueError('masked')
        if n >= 126:
            at = 4 if n == 126 else 10
            self.need(at)
            n = int.from_bytes(self.data[2:at], 'big')
        self.need(at + n)
        body, self.data = self.data[at:at + n], self.data[at + n:]
        return first & 15, body

    def message(self):
        while True:
            op, body = self.receive()
            if op == 1:
                return json.loads(body)
            if op == 8:
                return {'type': 'CLOSE', 'code': int.from_bytes(body[:2], 'big') if body else 1005}

    def until(self, kind):
        while True:
            m = self.message()
            if m['type'] in (kind, 'CLOSE'):
                return m

    def closing(self):
        """The close code, once it came; 'gone' when the connection went without; None when nothing happened."""
        try:
            return self.until('CLOSE')['code']
        except (EOFError, ConnectionError):
            return 'gone'
        except (TimeoutError, socket.timeout):
            return None

    def join(self, token='good', room='room', number=1):
        self.send({'type': 'join', 'id': number, 'token': token, 'room': room})
        return self.message()


F = WebSocket.frame
WS_CASES = [
    ('unmasked', F(0x81, b'hello', b''), 1002), ('unmasked ping', F(0x89, b'', b''), 1002), ('RSV1 (deflate)', F(0xc1, b'x'), 1002),
    ('RSV2', F(0xa1, b'x'), 1002), ('RSV3', F(0x91, b'x'), 1002), ('RSV on ping', F(0xc9, b''), 1002), ('RSV on close', F(0xe8, b''), 1002),
] + [('opcode %d' % o, F(0x80 | o, b''), 1002) for o in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)] + [
    ('open opcode %d' % o, F(o, b''), 1002) for o in (3, 7, 11, 15)] + [
    ('ping in fragments', F(0x09, b'a'), 1002), ('pong in fragments', F(0x0a, b'a'), 1002), ('close in fragments', F(0x08, b''), 1002),
    ('ping of 126', F(0x89, b'a' * 126), 1002), ('close of 126', F(0x88, b'\x03\xe8' + b'a' * 124), 1002),
    ('continuation of nothing', F(0x80, b'a'), 1002), ('open continuation of nothing', F(0x00, b'a'), 1002),
    ('text inside a message', F(0x01, b'a') + F(0x81, b'b'), 1002), ('binary inside a message', F(0x01, b'a') + F(0x82, b'b'), 1002),
    ('length 5 in 16 bits', b'\x81\xfe\x00\x05\0\0\0\0hello', 1002), ('length 125 in 64 bits', b'\x81\xff' + struct.pack('>Q', 125) + b'\0' * 4, 1002),
    ('length with the top bit', b'\x81\xff' + b'\xff' * 8 + b'\0' * 4, 1002), ('length 2^62', b'\x81\xff\x40' + b'\0' * 11, 1009),
    ('16 KiB + 1 before joining', F(0x81, b'a' * 16385), 1009), ('binary before joining', F(0x82, b'a'), 1009),
    ('16 KiB + 1 in fragments', F(0x01, b'a' * 16000) + F(0x80, b'a' * 385), 1009),
] + [('not UTF-8: ' + x.hex(), F(0x81, x), 1007) for x in (
    b'\xce', b'\x80', b'\xc0\xaf', b'\xe0\x80\xaf', b'\xf0\x80\x80\xaf', b'\xed\xa0\x80', b'\xed\xbf\xbf', b'\xf4\x90\x80\x80', b'\xf8\x88\x80\x80\x80',
    b'\xfe', b'\xff', b'a\xe2\x82', b'\xf5\x80\x80\x80')] + [
    ('not UTF-8 across fragments', F(0x01, b'\xe2') + F(0x00, b'\x28') + F(0x80, b'\xa1'), 1007), ('wrong byte before the end', F(0x01, b'\xff'), 1007),
    ('close of one byte', F(0x88, b'\x03'), 1002), ('close reason not UTF-8', F(0x88, b'\x03\xe8\xff'), 1007),
] + [('close code %d' % c, F(0x88, struct.pack('>H', c)), 1002) for c in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)] + [
    ('good close code %d' % c, F(0x88, struct.pack('>H', c)), c) for c in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999)] + [
    ('close without a code', F(0x88), 1005), ('text after close', F(0x88, b'\x03\xe8') + F(0x81, b'{}'), 1000),
    ('65 fragments', F(0x01) + F(0x00) * 63 + F(0x80), 1008), ('a flood of pings', F(0x89) * 6000, 1008),
]


def test_websocket(front):
    for name, kwargs, want in (('no key', {'key': ''}, 400), ('short key', {'key': 'YWJj'}, 400), ('key not base64', {'key': '*' * 22 + '=='}, 400),
                               ('key of 17 bytes', {'key': base64.b64encode(b'a' * 17).decode()}, 400), ('no version', {'version': ''}, 426),
                               ('version 8', {'version': '8'}, 426), ('version 14', {'version': '14'}, 426), ('no subprotocol', {'protocol': ''}, 400),
                               ('other subprotocol', {'protocol': 'incamera.v2'}, 400), ('POST', {'method': 'POST'}, 405),
                               ('a body', {'headers': 'Content-Length: 2\r\n'}, 413), ('two keys', {'headers': 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'}, 400)):
        got = WebSocket.open(front, **kwargs)
        check('handshake with %s is %d' % (name, want), got == want, got)
    got = WebSocket.open(front, headers='Sec-WebSocket-Extensions: permessage-deflate\r\n')
    check('deflate is not agreed', isinstance(got, WebSocket), got)
    got.s.close()
    passed = 0
    for name, data, want in WS_CASES:
        w = WebSocket.open(front)
        try:
            w.raw(data)
        except OSError:
            pass
        got = w.closing()
        check('websocket %s closes with %d' % (name, want), got == want, got)
        passed += got == want
        w.s.close()
    print('websocket over sockets: %d of %d' % (passed, len(WS_CASES)))
    w = WebSocket.open(front)
    w.raw(F(0x89, b'abc'))
    check('ping is answered', w.receive() == (10, b'abc'))
    w.raw(b''.join(F(0x89, b'%d' % i) for i in range(10)))
    check('ten pings', [w.receive() for _ in range(10)] == [(10, b'%d' % i) for i in range(10)])
    text = json.dumps({'type': 'ping', 'id': 7, }).encode()
    w.raw(F(0x01, text[:5]) + F(0x89, b'x') + F(0x00, text[5:9]) + F(0x80, text[9:]))
    check('ping between fragments', w.receive() == (10, b'x') and json.loads(w.receive()[1]) == {'type': 'pong', 'id': 7})
    for i in range(0, len(F(0x81, text))):
        w.raw(F(0x81, text)[i:i + 1])
    check('byte by byte', w.message() == {'type': 'pong', 'id': 7})
    w.s.close()


def test_room_protocol(front):
    w = WebSocket.open(front, tls=True)
    w.send({'type': 'chat', 'id': 5, 'text': 'x'})
    check('not joined', w.message()['code'] == 'not_joined')
    check('refused token', w.join('bad')['code'] == 'token_invalid')
    m = w.join('good', number=77)
    check('joined answers our number', m['type'] == 'joined' and m['id'] == 77, m)
    check('a second join', w.join()['code'] == 'already_joined')
    text = 'ä </script> \u2028 "' + 'x' * 3000
    w.send({'type': 'chat', 'id': 6, 'text': text})
    check('chat comes back', w.until('said').get('text') == text)
    w.send({'type': 'kick', 'id': 8, 'member': 3})
    check('a refused act', w.message() == {'type': 'error', 'id': 8, 'code': 'no_such_member', 'title': 'No.'})
    w.send({'type': 'lock', 'id': 9, 'locked': True})
    check('a done act', w.message() == {'type': 'ok', 'id': 9})
    w.send({'type': 'offer', 'id': 10, 'sdp': 'v=0\r\n' + 'a' * 250000, 'send': []})
    check('a large offer', w.message()['type'] == 'answer')
    w.raw(F(0x82, b'\0' * 1000000))
    op, body = w.receive()
    check('a sealed envelope comes back', op == 2 and len(body) == 1000000, (op, len(body)))
    front.command('engine-lost')
    check('engine lost', w.message() == {'type': 'restart', 'reason': 'engine'})
    check('join again on the same socket', w.join(number=78)['type'] == 'joined')
    w.send({'type': 'leave', 'id': 11})
    check('leave', w.message()['type'] == 'closed')
    check('then close', w.closing() == 1000)
    w = WebSocket.open(front)
    check('lobby', w.join('wait') == {'type': 'waiting', 'id': 1})
    front.command('admit')
    check('let in from the lobby', w.message()['type'] == 'joined')
    bad = ['', '[]', '{}', '{"type":"ping"}', '{"type":"ping","id":1,"id":2}', '{"type":"ping","id":1,"x":1}', '{"type":"joined","id":1}',
           '{"type":"ping","id":1e9}', '{"type":"ping","id":-1}', '{"type":"hand","id":1,"up":1}', '[' * 100000, '{"a":' * 20000,
           '{"type":"chat","id":1,"text":"\\ud800"}', '{"type":"chat","id":1,"text":"\\u0000"}', '{"type":"chat","id":1,"text":"' + 'a' * 4097 + '"}',
           '{' + ','.join('"k%d":1' % i for i in range(20000)) + '}', '{"type":"ping","id":1}' + ' ' * 300, '{"__proto__":{},"type":"ping","id":1}']
    passed = 0
    for text in bad:
        w = WebSocket.open(front)
        w.join()
        start = time.time()
        w.raw(F(0x81, text.encode()))
        m = w.message()
        ok = m['type'] == 'error' and m['code'] in ('bad_message', 'too_large') and time.time() - start < 1
        check('bad message ' + text[:60], ok, m)
        passed += ok
        w.s.close()
    print('bad room messages: refused %d of %d' % (passed, len(bad)))
    w = WebSocket.open(front)
    w.join()
    for _ in range(5):
        w.raw(F(0x81, b'{}'))
    check('five bad messages close', w.until('closed')['reason'] == 'protocol' and w.closing() == 1008)
    w = WebSocket.open(front)
    w.join()
    for i in range(1000):
        w.raw(F(0x81, b'{"type":"ping","id":%d}' % i))
    seen = [w.message() for _ in range(1000)]
    limited = sum(m.get('code') == 'too_many' for m in seen)
    check('a flood is limited', 600 <= limited <= 820, limited)
    other = WebSocket.open(front)
    check('others are served', other.join()['type'] == 'joined')
    before = front.command('counts')
    other.s.close()
    w.s.close()
    time.sleep(0.5)
    after = front.command('counts')
    check('engine and keeper hear of the end', after['gone'] - before['gone'] == 2 and after['left'] - before['left'] == 2, (before, after))


OFFER = b'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n'
SDP, GOOD, FRAG = 'Content-Type: application/sdp\r\n', 'Authorization: Bearer good\r\n', 'Content-Type: application/trickle-ice-sdpfrag\r\n'


def test_whip(front):
    def post(path='/whip/room', headers=SDP + GOOD, body=OFFER):
        return ask(front, 'POST', path, headers, body, tls=True)
    for name, got, want in (
            ('no token', post(headers=SDP), 401), ('bad token', post(headers=SDP + 'Authorization: Bearer bad\r\n'), 401),
            ('basic', post(headers=SDP + 'Authorization: Basic YTpi\r\n'), 401), ('sealed room', post(headers=SDP + 'Authorization: Bearer sealed\r\n'), 403),
            ('wrong type', post(headers=GOOD + 'Content-Type: text/plain\r\n'), 415), ('no type', post(headers=GOOD), 415),
            ('wrong accept', post(headers=SDP + GOOD + 'Accept: text/html\r\n'), 406), ('accept', post(headers=SDP + GOOD + 'Accept: text/html, application/sdp;q=0.5\r\n'), 201),
            ('empty', post(body=b''), 400), ('not UTF-8', post(body=b'\xff\xfe'), 400), ('bad SDP', post(body=OFFER + b'x-bad_sdp'), 400),
            ('codec', post(body=OFFER + b'x-codec'), 406), ('nothing live', post('/whep/room', body=OFFER + b'x-no_such_track'), 409),
            ('busy', post(body=OFFER + b'x-busy'), 503), ('lobby', post(headers=SDP + 'Authorization: Bearer wait\r\n'), 403),
            ('GET', ask(front, 'GET', '/whip/room', tls=True), 405), ('PUT', ask(front, 'PUT', '/whip/room', tls=True), 405),
            ('no such session', ask(front, 'DELETE', '/whip/room/AAAAAAAAAAAAAAAAAAAAAA', GOOD, tls=True), 404),
            ('plain needs no token', ask(front, 'POST', '/whip/room', SDP, OFFER), 201), ('whep track', post('/whep/room/3'), 201), ('whep', post('/whep/room'), 201)):
        check('WHIP %s is %d' % (name, want), got.status == want, (got.status, got.body))
    for token, path, header, want in (('in-sealed', '/whip/a', '', 403), ('in-sealed', '/whip/a', 'Incamera-Frames: sframe\r\n', 201), ('in-direct', '/whip/a', 'Incamera-Frames: sframe\r\n', 403),
                                      ('in-sealed', '/whep/a', 'Incamera-Frames: sframe\r\n', 403), ('in-direct', '/whep/a', '', 403)):
        got = post(path, SDP + 'Authorization: Bearer %s\r\n' % token + header)
        check('%s %s %s is %d' % (token, path, header, want), got.status == want, (got.status, got.body))
    check('409 says when', post('/whep/room', body=OFFER + b'x-no_such_track')['retry-after'])
    a = post()
    place, tag = a['location'], a['etag']
    check('201', a.status == 201 and a['content-type'] == 'application/sdp' and a.body.startswith(b'v=0') and re.fullmatch('/whip/room/[A-Za-z0-9_-]{22}', place), a.headers)
    check('Link', 'rel="ice-server"' in (a['link'] or '') and 'username="user"' in a['link'], a['link'])
    check('CORS', a['access-control-allow-origin'] == '*' and 'Location' in a['access-control-expose-headers'])
    o = ask(front, 'OPTIONS', '/whip/room', 'Origin: https://x.example\r\nAccess-Control-Request-Method: POST\r\n', tls=True)
    check('preflight', o.status == 204 and 'POST' in o['access-control-allow-methods'] and o['accept-post'] == 'application/sdp', o.headers)
    candidate = b'a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\na=end-of-candidates\r\n'
    other = candidate.replace(b'abcd\r', b'zzzz\r')

    def patch(headers, body=candidate, where=None):
        return ask(front, 'PATCH', where or place, headers, body, tls=True)
    match = 'If-Match: %s\r\n' % tag
    for name, got, want in (
            ('trickle', patch(FRAG + GOOD + match), 204), ('without If-Match', patch(FRAG + GOOD), 428), ('another ETag', patch(FRAG + GOOD + 'If-Match: "9"\r\n'), 412),
            ('wrong type', patch(SDP + GOOD + match), 415), ('not a fragment', patch(FRAG + GOOD + match, b'hello'), 400), ('empty', patch(FRAG + GOOD + match, b''), 400),
            ('no token', patch(FRAG + match), 401), ('another token', patch(FRAG + match + 'Authorization: Bearer other\r\n'), 403),
            ('another room', patch(FRAG + GOOD + match, where=place.replace('/room/', '/moor/')), 404), ('as WHEP', patch(FRAG + GOOD + match, where=place.replace('whip', 'whep')), 404),
            ('restart with an ETag', patch(FRAG + GOOD + match, other), 412), ('short password', patch(FRAG + GOOD + match, b'a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n'), 400),
            ('POST to a session', ask(front, 'POST', place, SDP + GOOD, OFFER, tls=True), 405), ('GET of a session', ask(front, 'GET', place, GOOD, tls=True), 405)):
        check('session %s is %d' % (name, want), got.status == want, (got.status, got.body))
    r = patch(FRAG + GOOD + 'If-Match: *\r\n', other)
    check('ICE restart', r.status == 200 and b'a=ice-ufrag:srvr' in r.body and r['etag'] not in (None, tag), (r.status, r.headers, r.body))
    check('the old ETag is past', patch(FRAG + GOOD + match).status == 412)
    check('DELETE without token', ask(front, 'DELETE', place, tls=True).status == 401)
    check('DELETE', ask(front, 'DELETE', place, GOOD, tls=True).status == 200)
    check('DELETE again', ask(front, 'DELETE', place, GOOD, tls=True).status == 404)
    place = post()['location']
    front.command('engine-lost')
    check('sessions of a dead engine are gone', ask(front, 'DELETE', place, GOOD, tls=True).status == 404)
    before = front.command('counts')
    with front.connect(True) as s:
        s.sendall(('POST /whip/room HTTP/1.1\r\n' + HOST + SDP + GOOD + 'Content-Length: %d\r\n\r\n' % (len(OFFER) + 8)).encode() + OFFER + b'x-silent')
        time.sleep(0.3)
    time.sleep(0.3)
    after = front.command('counts')
    check('a client that gives up is taken out', after['gone'] == before['gone'] + 1, (before, after))


def test_tls(front):
    for name, version in (('1.0', ssl.TLSVersion.TLSv1), ('1.1', ssl.TLSVersion.TLSv1_1)):
        c = client_context()
        c.minimum_version = c.maximum_version = version
        c.set_ciphers('ALL:@SECLEVEL=0')
        try:
            front.connect(True, context=c).close()
            check('TLS ' + name, False)
        except (ssl.SSLError, OSError):
            check('TLS ' + name, True)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        c = client_context()
        c.minimum_version = c.maximum_version = version
        c.set_alpn_protocols(['h2', 'http/1.1'])
        with front.connect(True, context=c) as s:
            check('%s, ALPN, no compression, AEAD' % version, s.selected_alpn_protocol() == 'http/1.1' and s.compression() is None and ('GCM' in s.cipher()[0] or 'CHACHA' in s.cipher()[0]), s.cipher())
    for weak in ('AES128-SHA', 'ECDHE-ECDSA-AES128-SHA', 'AES128-GCM-SHA256', 'DES-CBC3-SHA', 'NULL'):
        c = client_context()
        c.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            c.set_ciphers(weak + ':@SECLEVEL=0')
            front.connect(True, context=c).close()
            check('suite ' + weak, False)
        except (ssl.SSLError, OSError):
            check('suite ' + weak, True)
    run = subprocess.run(['openssl', 's_client', '-connect', '127.0.0.1:%d' % front.https, '-tls1_2', '-legacy_renegotiation'], input=b'R\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n',
                         capture_output=True, timeout=10)
    check('no renegotiation', b'RENEGOTIATING' in run.stderr + run.stdout and b'ok\n' not in run.stdout, run.stdout[-200:])
    held = [front.connect(True) for _ in range(20)]
    w = WebSocket.open(front, tls=True)
    front.command('reload ' + open(front.certificate('second'), 'rb').read().hex())
    alive = 0
    for s in held:
        s.sendall(('GET /healthz HTTP/1.1\r\n' + HOST + '\r\n').encode())
        alive += Reader(s).answer().status == 200
        s.close()
    check('a new certificate drops nobody', alive == 20 and w.join()['type'] == 'joined', alive)
    w.s.close()
    with front.connect(True) as s:
        check('and is used', b'second' in s.getpeercert(True))
    front.command('reload ' + b'nonsense'.hex())
    check('a bad one is not taken', ask(front, 'GET', '/healthz', tls=True).status == 200)


def test_relay(front):
    stun = b'\0\3\0\0\x21\x12\xa4\x42' + b'\0' * 12
    with front.connect(True) as s:
        s.sendall(stun[:5])
        time.sleep(0.1)
        s.sendall(stun[5:])
        check('a TURN stream beside HTTPS', s.recv(100) == stun)
        s.sendall(b'\x40\0' * 30000)
        n = 0
        while n < 60000:
            n += len(s.recv(65536))
        check('bytes of a stream', n == 60000)
    time.sleep(0.2)
    check('the engine hears of its end', front.command('counts')['streams'] == 1)
    with front.connect(True) as s:
        s.sendall(stun + b'end')
        check('the engine ends it', read_all(s) == stun + b'end')
    with front.connect(True) as s:
        s.sendall(stun)
        s.recv(100)
        front.command('engine-lost')
        check('a stream of a dead engine ends', read_all(s) == b'')
    with front.connect() as s:
        s.sendall(stun)
        check('not over the plain listener', (read_all(s) or b'').startswith(b'HTTP/1.1 400'))
    with front.connect(True) as s:
        s.sendall(('GET /healthz HTTP/1.1\r\n' + HOST + '\r\n').encode())
        r = Reader(s)
        r.answer()
        s.sendall(stun)
        check('not behind a request', r.answer().status == 400)


def honest(front, until, times, failed):
    while time.time() < until:
        start = time.time()
        try:
            ok = ask(front, 'GET', '/healthz', tls=len(times) % 2 == 0).status == 200
        except Exception:
            ok = False
        times.append(time.time() - start)
        failed.append(not ok)
        time.sleep(0.02)


def test_floods(front):
    base = front.rss()
    w = WebSocket.open(front)
    try:
        w.raw(F(0x01))
        for _ in range(400):
            w.raw(F(0x00) * 1000)
    except OSError:
        pass
    check('400,000 empty fragments are closed', w.closing() in (1008, 'gone'))
    w.s.close()
    w = WebSocket.open(front, rcvbuf=4096)
    w.join()
    try:
        for i in range(400):
            w.raw(F(0x81, json.dumps({'type': 'chat', 'id': 1, 'text': 'x' * 4000}).encode()))
            time.sleep(0.021)
    except OSError:
        pass
    big = WebSocket.open(front, rcvbuf=4096)
    big.join()
    try:
        for i in range(12):
            big.raw(F(0x82, b'\0' * 1000000))
            time.sleep(0.05)
    except OSError:
        pass
    time.sleep(0.5)
    here = front.command('counts')['here']
    check('who never reads is closed', here == 0, here)
    grown = front.rss() - base
    print('floods: RSS + %.1f MiB' % (grown / 1048576))
    check('memory stays', grown < 24 << 20 or front.sanitized, grown)  # a sanitizer keeps what is freed
    w.s.close()
    big.s.close()


def test_slow(front):
    """Row 42: 400 slow sockets of nine kinds; honest requests beside them."""
    kinds = [
        (False, b''), (False, b'GET / HT'), (False, b'GET / HTTP/1.1\r\nHost: localhost\r\nA: '), (True, None), (True, b''), (True, b'GET / HTTP/1.1\r\n'),
        (False, ('POST /api/v1/rooms HTTP/1.1\r\n' + HOST + 'Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{').encode()),
        (False, ('POST /whip/a HTTP/1.1\r\n' + HOST + SDP + 'Transfer-Encoding: chunked\r\n\r\n').encode()), (False, 'socket'),
    ]
    fds, held, times, failed = front.fds(), [], [], []
    start = time.time()
    for i in range(400):
        tls, data = kinds[i % len(kinds)]
        if data == 'socket':
            held.append((WebSocket.open(front).s, b''))
        elif tls and data is None:
            held.append((socket.create_connection(('127.0.0.1', front.https)), b'\x16'))
        else:
            s = front.connect(tls, timeout=20)
            s.sendall(data)
            held.append((s, b'a' if data else b''))
    thread = threading.Thread(target=honest, args=(front, start + 31, times, failed))
    thread.start()
    while time.time() < start + 31:
        for s, drip in held[:]:
            try:
                if drip:
                    s.send(drip)
            except OSError:
                held.remove((s, drip))
                s.close()
        time.sleep(1)
    thread.join()
    left = front.fds() - fds
    times.sort()
    print('slow: held after 30 s %d of 400, honest %d of %d, p99 %.3f s' % (left, len(failed) - sum(failed), len(failed), times[len(times) * 99 // 100]))
    check('no slow socket is held after 30 s', left <= 2, left)
    check('honest requests are served', not any(failed) and times[len(times) * 99 // 100] < 1, sum(failed))
    for s, _ in held:
        s.close()


def test_many(front):
    """Row 43: 2,000 sockets and churn; honest requests; descriptors come back."""
    fds, held, times, failed = front.fds(), [], [], []
    thread = threading.Thread(target=honest, args=(front, time.time() + 8, times, failed))
    thread.start()
    for i in range(2000):
        try:
            held.append(socket.create_connection(('127.0.0.1', front.https if i % 2 else front.plain), timeout=3))
        except OSError:
            pass
    for _ in range(500):
        socket.create_connection(('127.0.0.1', front.https), timeout=3).close()
    for _ in range(100):
        w = WebSocket.open(front)
        w.join()
        w.s.close()
    thread.join()
    peak = front.fds()
    for s in held:
        s.close()
    time.sleep(1)
    served = len(failed) - sum(failed)
    print('many: %d descriptors at the peak, + %d after, honest %d of %d, worst %.3f s' % (peak, front.fds() - fds, served, len(failed), max(times)))
    check('honest requests beside 2,000 sockets', served >= len(failed) * 0.99 and max(times) < 3, (served, len(failed)))
    check('descriptors come back', front.fds() - fds <= 0, front.fds() - fds)


def test_keeper_lost(front):
    with front.connect() as s:
        s.sendall(('GET /api/v1/rooms/silent HTTP/1.1\r\n' + HOST + '\r\n').encode())
        time.sleep(0.2)
        front.command('keeper-lost')
        check('a question that nobody will answer', Reader(s).answer().status == 503)
    check('API without a keeper', ask(front, 'GET', '/api/v1/rooms').status == 503)
    w = WebSocket.open(front)
    check('join without a keeper', w.join()['code'] == 'unavailable')
    w.s.close()
    check('WHIP without a keeper', ask(front, 'POST', '/whip/a', SDP, OFFER).status == 503)
    front.command('drain')
    check('draining', ask(front, 'GET', '/healthz').status == 503)
    check('no new socket while draining', WebSocket.open(front) == 503)


def test_log(front):
    front.log.flush()
    text = open(os.path.join(front.folder, 'log'), 'rb').read()
    check('no control characters and nothing injected in the log', not re.search(rb'[\x00-\x09\x0b-\x1f\x7f]', text) and b'Injected' not in text and b'good' not in text, text[:300])


def main():
    names = sys.argv[2:] or ['framing', 'honest_http', 'origins', 'websocket', 'room_protocol', 'whip', 'tls', 'relay', 'floods', 'many', 'slow', 'keeper_lost', 'log']
    with tempfile.TemporaryDirectory() as folder:
        front = Front(sys.argv[1], folder)
        for name in names:
            start = time.time()
            try:
                globals()['test_' + name](front)
            except Exception as e:
                traceback.print_exc()
                check(name + ' ends', False, e)
            print('%s: %.1f s' % (name, time.time() - start), flush=True)
        front.command('quit')
        check('front ends well and frees all', front.process.wait(10) == 0, front.process.returncode)
    print('%d passed, %d failed' % (PASSED, len(FAILED)))
    return 1 if FAILED else 0


sys.exit(main())
