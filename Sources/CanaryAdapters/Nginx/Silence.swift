internal import CanaryCore
internal import CSystem
internal import Glibc

// Why no worker of Nginx answers, told with what can be seen of Nginx from here.
extension Config {
  /// What the silence of the workers means, and what to do about it.
  func fault(_ silence: WorkerProbe.NoAnswer, _ service: ServiceName) -> Fault {
    let socket = probeSocket(of: service)
    let usual = Fault(silence.sentence(socket: socket, service: service))
    guard silence == .nobody,
      let master = Workers.master(of: self)
    else { return usual }
    if let isSame = Self.isSame(run.path, for: master), !isSame {
      return Fault(
        "Nginx (process \(master)) has another folder \(run) than canary: a container, or a mount namespace of its own",
        hint:
          "Both must see the same folder; for a unit of systemd, look for PrivateTmp, TemporaryFileSystem and RuntimeDirectory"
      )
    }
    if Files.exists(socket) { return usual }
    return Fault(
      "\(socket) is gone, though Nginx (process \(master)) runs: \(run) was emptied, or Nginx has not loaded the generated files. Without a set of seats, all traffic is on stable",
      hint: "A reload does not bring the socket back: restart Nginx, then run: canary apply")
  }

  /// Whether a path is the same folder for another process; nil: that cannot be seen.
  private static func isSame(_ path: String, for process: Int32) -> Bool? {
    var (own, other) = (stat(), stat())
    guard stat(path, &own) == 0 else { return nil }
    guard stat("/proc/\(process)/root\(path)", &other) == 0 else {
      return errno == ENOENT ? false : nil
    }
    return own.st_dev == other.st_dev && own.st_ino == other.st_ino
  }
}
