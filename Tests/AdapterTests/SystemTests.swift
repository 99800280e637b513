import CanaryAdapters
import CanaryCore
import Dispatch
import Glibc
import Synchronization
import TestSupport
import Testing

@Suite(.blocking) struct SystemTests {
  @Test func `a program's end and words are told`() throws {
    let good = try Spawn.run(["sh", "-c", "echo out; echo err >&2; exit 3"], limit: .seconds(10))
    #expect(good.end == .exit(3) && good.output == "out\nerr\n")
    #expect(try Spawn.run(["sh", "-c", "kill -9 $$"], limit: .seconds(10)).end == .signal(9))
    #expect(throws: SpawnError.self) { try Spawn.run(["/no/such/program"], limit: .seconds(1)) }
  }

  @Test func `a program that hangs is ended with all that it started`() throws {
    let start = SystemClock.now
    let ran = try Spawn.run(
      ["sh", "-c", "trap '' TERM; echo begun; sleep 60 & wait; sleep 60"], limit: .seconds(0.3))
    #expect(ran.end == .late && ran.output == "begun\n")
    #expect(SystemClock.now - start < .seconds(10))
  }

  @Test func `a grandchild that keeps the output open does not hang the wait`() throws {
    let start = SystemClock.now
    let ran = try Spawn.run(["sh", "-c", "sleep 20 & echo begun"], limit: .seconds(15))
    #expect(ran.end == .exit(0) && ran.output == "begun\n")
    #expect(SystemClock.now - start < .seconds(10))
  }

  @Test func `much output is cut, not waited for`() throws {
    let ran = try Spawn.run(
      ["sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x"], limit: .seconds(20))
    #expect(ran.succeeded && ran.output.utf8.count == 64 << 10)
  }

  @Test func `a child has none of our signals blocked`() throws {
    let ran = try Spawn.run(
      ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"], limit: .seconds(5))
    for line in ran.output.split(separator: "\n") {
      let mask = line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? .max
      // Above 31 are the C library's own.
      #expect(mask & 0x7fff_ffff == 0, "\(line)")
    }
  }

  @Test func `a file is replaced whole or not at all`() throws {
    let folder = try Folder()
    let path = "\(folder.path)/a.conf"
    try Files.replace(path, with: "one")
    try Files.replace(path, with: "two")
    #expect(try Files.read(path) == "two")
    #expect(try Files.read("\(folder.path)/none") == nil)
    #expect(throws: FileError.self) { try Files.replace("\(path)/x", with: "") }
    #expect(throws: FileError.self) { try Files.read(path, limit: 2) }
    let left = try Spawn.run(["ls", "-A", folder.path], limit: .seconds(5)).output
    #expect(left == "a.conf\n")
  }

  @Test func `a long line for a lock is nobody who is stuck`() throws {
    let folder = try Folder()
    let path = "\(folder.path)/lock"
    var lock = try FileLock.acquire(path)
    #expect(lock != nil)
    #expect(try FileLock.acquire(path, patience: .seconds(0.5), perHolder: true) == nil)
    let taken = Mutex(false)
    let waiter = DispatchGroup()
    DispatchQueue.global().async(group: waiter) {
      let lock = try? FileLock.acquire(path, patience: .seconds(1.5), perHolder: true)
      taken.withLock { $0 = lock != nil }
    }
    // What others leave who get it, one after another, for twice as long as one may keep it.
    for _ in 0..<30 {
      usleep(100_000)
      #expect(utimes(path, nil) == 0)
    }
    withExtendedLifetime(lock) {}
    lock = nil
    waiter.wait()
    #expect(taken.withLock { $0 })
  }

  @Test func `a lock ends with its holder and names it`() throws {
    let folder = try Folder()
    let path = "\(folder.path)/lock"
    var lock = try FileLock.acquire(path)
    #expect(lock != nil && FileLock.holder(path) == getpid())
    #expect(try FileLock.acquire(path) == nil)
    lock = nil
    // A program that another test starts at this moment has the file open too, until it is that program.
    for _ in 0..<500 where FileLock.holder(path) != nil { usleep(10_000) }
    #expect(FileLock.holder(path) == nil && FileLock.lastHolder(path) == getpid())
    let again = try FileLock.acquire(path)
    #expect(again != nil)
  }

  @Test func `HTTP keeps to its limits`() throws {
    let client = HTTPClient()
    let closed = Sockets.freePort()
    #expect(throws: HTTPError.self) {
      try client.get("http://127.0.0.1:\(closed)/", limit: .seconds(2))
    }
    #expect(throws: HTTPError.self) { try client.get("file:///etc/hostname", limit: .seconds(2)) }
    let sandbox = try Sandbox()
    defer { sandbox.close() }
    try sandbox.startApps()
    let answer = try client.get(
      "http://127.0.0.1:\(sandbox.bluePorts[0])/health", limit: .seconds(5))
    #expect(answer.status == 200 && answer.body == "ok\n")
    #expect(
      try client.get("http://127.0.0.1:\(sandbox.bluePorts[0])/", limit: .seconds(5), bodyLimit: 2)
        .body == "")
  }

  @Test func `an answer may claim any age`() throws {
    let port = Sockets.freePort()
    let script = """
      import socket
      s = socket.create_server(('127.0.0.1', \(port)))
      while True:
        c = s.accept()[0]; c.recv(4096)
        c.sendall(b'HTTP/1.1 200 OK\\r\\nAge: 9223372036854775807\\r\\nContent-Length: 0\\r\\n\\r\\n')
        c.close()
      """
    let server = try Child(["python3", "-c", script])
    defer { server.stop() }
    var answer: HTTPAnswer?
    for _ in 0..<200 where answer == nil {
      answer = try? HTTPClient().get("http://127.0.0.1:\(port)/", limit: .seconds(2))
      if answer == nil { usleep(25_000) }
    }
    #expect(answer?.age == .seconds(2_147_483_648))
  }

  @Test func `the facts of an nginx conf are found through includes`() throws {
    let folder = try Folder()
    try Files.makeFolder("\(folder.path)/modules")
    try Files.replace(
      "\(folder.path)/modules/a.conf", with: "worker_shutdown_timeout 30s; # main\n")
    try Files.replace(
      "\(folder.path)/nginx.conf",
      with: """
        error_log logs/error.log; include modules/*.conf;
        events { worker_connections 10; }
        http { # include /no/*.conf;
          log_format x '{"a": "$b"; }';
          map $a $b { default "include /not/this/*.conf;"; }
          include /etc/nginx/canary/*.conf;
          server { include /elsewhere/*.conf; error_log /other; }
        }
        """)
    let main = try #require(NginxMainFile("\(folder.path)/nginx.conf", generated: "/none"))
    #expect(main.workerShutdownTimeout == "30s" && main.errorLog == "\(folder.path)/logs/error.log")
    #expect(
      main.includes("/etc/nginx/canary") && !main.includes("/not/this")
        && !main.includes("/elsewhere"))
    #expect(NginxMainFile("\(folder.path)/none", generated: "/none") == nil)
  }

  @Test func `a socket file that nobody listens on is removed and a live one is not`() throws {
    let folder = try Folder()
    let path = "\(folder.path)/probe.sock"
    let script =
      "import socket,sys,time\ns=socket.socket(socket.AF_UNIX)\ns.bind('\(path)')\ns.listen()\nsys.stdout.flush()\ntime.sleep(60)"
    let listener = try Child(["python3", "-c", script])
    for _ in 0..<200 where !Files.exists(path) { usleep(20_000) }
    usleep(200_000)
    #expect(!WorkerProbe(socket: path).removeStaleSocket())
    listener.signal(SIGKILL)
    _ = listener.wait()
    #expect(Files.exists(path))
    #expect(WorkerProbe(socket: path).removeStaleSocket())
    #expect(!Files.exists(path))
  }
}
