internal import CanaryAdapters
internal import CanaryCore
internal import CanaryHost

/// Which Nginx of this host `init` looks at.
enum InitNginx {
  /// The main file of the running Nginx, and its master; where several run with other files, the
  /// person says which.
  static func choose(
    _ named: String?, _ person: InitPerson
  ) throws(Failure) -> (main: String, master: Workers.Master?) {
    let running = Workers.believed()
    let usual = "/etc/nginx/nginx.conf"
    if let named {
      return (named, running.first { mainFile($0) ?? usual == named } ?? running.first)
    }
    var files: [String] = []
    for master in running where !files.contains(mainFile(master) ?? usual) {
      files.append(mainFile(master) ?? usual)
    }
    guard files.count > 1 else { return (files.first ?? usual, running.first) }
    let list = files.enumerated().map { index, file in
      let pids = running.filter { (mainFile($0) ?? usual) == file }.map { "\($0.pid)" }
      return "  \(index + 1)  \(file)   (process \(pids.joined(separator: ", ")))"
    }
    person.output.err("Several Nginx run here:\n\(list.joined(separator: "\n"))")
    let file = try person.ask("Which of them? (1 to \(files.count))", else: "--nginx FILE") {
      (line) throws(Failure) -> String in
      guard let number = Int(line), files.indices.contains(number - 1) else {
        throw Failure(.wrong, "'\(Text.sanitized(line, limit: 40))' is none of 1 to \(files.count)")
      }
      return files[number - 1]
    }
    return (file, running.first { mainFile($0) ?? usual == file })
  }

  /// The main file that a running Nginx was started with; nil when it does not say.
  private static func mainFile(_ master: Workers.Master) -> String? {
    let words = master.words
    let next = words.firstIndex(of: "-c").map { $0 + 1 } ?? words.count
    return next < words.count ? words[next] : nil
  }
}
