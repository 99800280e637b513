package import CanaryCore
internal import CSystem
internal import Glibc

/// How a program ended.
package struct ProcessResult: Hashable, Sendable {
  package enum End: Hashable, Sendable {
    case exit(Int32)
    case signal(Int32)
    /// It still ran at its limit, or was not wanted any more, and was killed with its process
    /// group.
    case late
  }
  package var end: End
  /// Standard output and standard error together, up to the limit of `run`; without errors if those
  /// were not merged.
  package var output: String
  package var succeeded: Bool { end == .exit(0) }
}

/// Why a program could not be started.
package struct SpawnError: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
}

/// Runs programs with a clean signal mask; standard input is empty unless one is given.
///
/// Output goes to a file in memory: neither a full pipe nor a grandchild that keeps a pipe open can
/// block the wait.
package enum Spawn {
  /// Runs a program until it ends or `limit` is over; keeps the first `outputLimit` bytes of its
  /// output.
  ///
  /// Blocks the thread. `environment` is added to what the program `inherits`. `inputFile` is opened
  /// as the program's input by the program's own process, which does not start without it.
  /// `isUnwanted` is called ten times a second; when it returns true, the program is killed. Only
  /// Nginx `keepsRights`: no other program is given a capability of this one.
  package static func run(
    _ words: [String], limit: Span, keepsRights: Bool = false, mergeErrors: Bool = true,
    environment: [String: String] = [:], inherits: ChildEnvironment = .usual(),
    input: String? = nil, inputFile: String? = nil, outputLimit: Int = 64 << 10,
    isUnwanted: (() -> Bool)? = nil
  ) throws(SpawnError) -> ProcessResult {
    var given: CInt?
    if let input { given = try memory(input, for: words[0]) }
    defer { if let given { close(given) } }
    let output = canary_memfd("canary-output")
    guard output >= 0 else {
      throw SpawnError(description: "no room for the output of \(words[0])")
    }
    defer { close(output) }
    let pid = try start(
      words, input: given, inputFile: inputFile ?? "/dev/null", output: output,
      mergeErrors: mergeErrors, group: true, keepsRights: keepsRights,
      environment: inherits.table(ThisProcess.environment).merging(environment) { $1 })
    let end = wait(pid, limit: limit, output, keeping: outputLimit, isUnwanted)
    // A program that it has left behind must not fill the memory with what nobody reads.
    canary_close_growth(output)
    var facts = stat()
    let size = fstat(output, &facts) == 0 ? Int(facts.st_size) : 0
    var bytes = [UInt8](repeating: 0, count: max(0, min(size, outputLimit)))
    let count = max(0, pread(output, &bytes, bytes.count, 0))
    return ProcessResult(end: end, output: String(decoding: bytes[..<count], as: UTF8.self))
  }

  /// Starts a program in a session of its own and returns its pid.
  ///
  /// Neither the terminal's signals nor the end of this process reach it.
  package static func detach(
    _ words: [String], input: CInt?, output: CInt?, inherits: ChildEnvironment = .all
  ) throws(SpawnError) -> Int32 {
    // A canary of its own tells Nginx to reload, too.
    try start(
      words, input: input, output: output, mergeErrors: true, group: false,
      keepsRights: words.first == ThisProcess.program,
      environment: inherits.table(ThisProcess.environment))
  }

  /// The same with a text as its input, which only that program can read.
  package static func detach(
    _ words: [String], text: String, inherits: ChildEnvironment = .all
  ) throws(SpawnError) -> Int32 {
    let input = try memory(text, for: words[0])
    defer { close(input) }
    return try detach(words, input: input, output: nil, inherits: inherits)
  }

  /// The capabilities that a program of this process is given without more (ambient ones).
  private static let handedOn = (UInt(0)..<64).filter { canary_hands_on($0) != 0 }

  /// A file in memory that holds the text.
  private static func memory(_ text: String, for program: String) throws(SpawnError) -> CInt {
    let file = canary_memfd("canary-input")
    guard file >= 0 else { throw SpawnError(description: "no room for the input of \(program)") }
    let bytes = Array(text.utf8)
    guard write(file, bytes, bytes.count) == bytes.count, lseek(file, 0, SEEK_SET) == 0 else {
      close(file)
      throw SpawnError(description: "no room for the input of \(program)")
    }
    return file
  }

  private static func start(
    _ words: [String], input: CInt?, inputFile: String = "/dev/null", output: CInt?,
    mergeErrors: Bool, group: Bool, keepsRights: Bool, environment: [String: String]
  ) throws(SpawnError) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, inputFile, O_RDONLY, 0)
    }
    if let output {
      posix_spawn_file_actions_adddup2(&actions, output, 1)
    } else {
      posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    }
    if output != nil, mergeErrors {
      posix_spawn_file_actions_adddup2(&actions, 1, 2)
    } else {
      posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    // POSIX_SPAWN_SETSID (0x80 in glibc) is hidden behind _GNU_SOURCE.
    let apart = group ? Int16(POSIX_SPAWN_SETPGROUP) : 0x80
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF) | apart)

    var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    argv.append(nil)
    defer { for word in argv { free(word) } }
    var variables = environment.map { strdup("\($0.key)=\($0.value)") }
    variables.append(nil)
    defer { for variable in variables { free(variable) } }
    var pid = pid_t()
    // Of this thread alone, and only for as long as this one program is started.
    if !keepsRights, !handedOn.isEmpty { canary_hand_on_none() }
    let code = posix_spawnp(&pid, words[0], &actions, &attributes, argv, variables)
    if !keepsRights { for capability in handedOn { canary_hand_on(capability) } }
    guard code == 0 else {
      let why = code == ENOENT ? "no such program" : String(cString: strerror(code))
      throw SpawnError(description: "cannot run \(words[0]): \(why)")
    }
    return pid
  }

  /// How the program ended.
  ///
  /// Past the limit its process group gets TERM, and KILL half a second later.
  private static func wait(
    _ pid: pid_t, limit: Span, _ output: CInt, keeping kept: Int, _ isUnwanted: (() -> Bool)?
  ) -> ProcessResult.End {
    let handle = canary_pidfd_open(pid)
    defer { if handle >= 0 { close(handle) } }
    var late = false
    var left = limit
    let step = Span(milliseconds: 50)
    var isOver = ended(pid, handle, within: min(left, step))
    while !isOver, left > step, isUnwanted?() != true {
      forgetRest(of: output, keeping: kept)
      left = left - step
      isOver = ended(pid, handle, within: min(left, step))
    }
    if !isOver {
      late = true
      kill(-pid, SIGTERM)
      if !ended(pid, handle, within: .seconds(0.5)) { kill(-pid, SIGKILL) }
    }
    var status: CInt = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    if late { return .late }
    let signal = status & 0x7f
    return signal == 0 ? .exit((status >> 8) & 0xff) : .signal(signal)
  }

  /// Frees the memory of an output beyond what is kept of it: a program may print for hours.
  private static func forgetRest(of output: CInt, keeping kept: Int) {
    var facts = stat()
    guard fstat(output, &facts) == 0, Int(facts.st_blocks) * 512 > kept + 8 << 20 else { return }
    canary_punch(output, off_t(kept), facts.st_size - off_t(kept))
  }

  /// Whether the program ended within the limit; does not reap it.
  private static func ended(_ pid: pid_t, _ handle: CInt, within limit: Span) -> Bool {
    if handle >= 0 {
      var poll = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
      return Glibc.poll(&poll, 1, CInt(clamping: limit.milliseconds)) > 0
    }
    // Kernels before 5.3 have no pidfd: look every 5 ms.
    var waited: Int64 = 0
    while waited <= limit.milliseconds {
      var facts = siginfo_t()
      if waitid(P_PID, id_t(pid), &facts, WEXITED | WNOHANG | WNOWAIT) == 0,
        facts.si_signo == SIGCHLD
      {
        return true
      }
      usleep(5000)
      waited += 5
    }
    return false
  }
}
