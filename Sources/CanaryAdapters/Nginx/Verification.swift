package import CanaryCore
package import CanaryDriver
internal import Glibc

// A reload counts only once running workers have confirmed it.
extension Installation {
  /// Waits until running workers serve the new generation; throws after `nginx.verify`.
  ///
  /// They must answer with it many times in a row, and every former worker must have stopped taking
  /// requests. What the log says decides only where the master itself refuses, and only after a
  /// while: the refusal may be that of another's reload just before.
  func verify(
    _ placement: Placement, before: [Worker]?, _ log: inout ReloadLog
  ) throws(RouterError) {
    let (service, generation) = (placement.order.service, placement.order.generation)
    let probe = router.config.probe(service)
    let start = SystemClock.uptime
    let old = Set((before ?? []).filter { !$0.isShuttingDown }.map(\.pid))
    var run = 0
    var seen: WorkerProbe.NoAnswer?
    var last: WorkerAnswer?
    var refusedAt: Span?
    while SystemClock.uptime - start < nginx.verify {
      try checkStop()
      if !placement.isMine { throw placement.overtaken }
      switch Result(catching: { () throws(WorkerProbe.NoAnswer) in try probe.query(service) }) {
      case .success(let answer):
        last = answer
        run = answer.generation == generation ? run + 1 : 0
        if answer.generation > generation {
          throw RouterError(
            .overtaken(answer.generation), "generation \(answer.generation) is served")
        }
        // Where /proc shows the workers, 8 answers suffice, because the old workers are seen to
        // leave.
        if run >= (before == nil ? 32 : old.isEmpty ? 2 : 8), !stillTaking(old, answer.worker) {
          return
        }
      case .failure(let silence):
        run = 0
        seen = silence
      }
      if run == 0 {
        log.look()
        let spent = SystemClock.uptime - start
        if refusedAt == nil, log.refusal != nil { refusedAt = spent }
        // As long again as it took: so a reload that was told after a refused one has its time.
        if let refusedAt, spent > refusedAt * 2 + .seconds(0.3), let words = log.refusal {
          throw RouterError(
            .refused, "nginx did not take the configuration: \(words)",
            hint: NginxAdvice.hint(words, router.config))
        }
        usleep(2000)
      } else if run > 8 {
        usleep(2000)
      }
    }
    log.look()
    throw RouterError(
      .refused, silence(placement.order, seen, last: last?.generation, log),
      hint: last.flatMap { advice($0, placement.order.generation) })
  }

  private func stillTaking(_ old: Set<Int32>, _ answering: Int32) -> Bool {
    guard !old.isEmpty, let now = Workers.beside(worker: answering) else { return false }
    return now.contains { old.contains($0.pid) && !$0.isShuttingDown }
  }

  /// Which process took the reload, or did not: it is told by the workers that answer, whatever the
  /// pid file says.
  private func advice(_ last: WorkerAnswer, _ wanted: Generation) -> String? {
    guard let master = Workers.master(ofWorker: last.worker) else { return nil }
    let serving = (Workers.beside(worker: last.worker) ?? []).filter { !$0.isShuttingDown }
    let masters = Set(serving.map(\.master)).union([master]).sorted()
    if masters.count > 1 {
      return
        "Two masters of Nginx run (\(masters.map(String.init).joined(separator: " and "))), and the workers of both take requests: end the binary upgrade (kill -QUIT the former one), then try again"
    }
    guard let file = NginxMainFile(nginx.config, generated: nginx.include)?.pidFile,
      let named = Workers.master(of: router.config),
      named != master, last.generation != wanted
    else { return nil }
    return
      "\(file) names process \(named), but the workers that answer belong to master \(master): the reload went elsewhere. Write \(master) into that file, or restart Nginx"
  }

  private func silence(
    _ order: Order, _ seen: WorkerProbe.NoAnswer?, last: Generation?, _ log: ReloadLog
  ) -> String {
    let service = order.service
    var text =
      "nginx was told to reload, but within \(nginx.verify) its workers did not answer with generation \(order.generation)"
    if let last { text += " (they answer with \(last))" }
    if let words = log.refusal { return text + ": \(words)" }
    let said = log.hint.map { "; its log says meanwhile: \($0)" } ?? ""
    let socket = router.config.probeSocket(of: service)
    let suffix = router.config.mainSuffix(of: service)
    if let main = NginxMainFile(nginx.config, generated: nginx.include),
      !main.includes(nginx.include, suffix)
    {
      return text
        + ": \(nginx.config) has no `include \(nginx.include)/*.\(suffix);` inside \(NginxMainFile.block(of: suffix)) {}"
    }
    switch seen {
    case .nobody?: text += ": \(router.config.fault(.nobody, service))"
    case .unknownService?:
      text +=
        ": \(socket) answers, but not for this service; is \(router.config.mainFile(of: service)) included?"
    case .other(let why)?: text += ": \(why)"
    case nil: break
    }
    return text + said
  }
}

extension Workers {
  /// The workers that run now; nil when none answers or /proc does not show them.
  package static func now(_ probe: WorkerProbe, service: ServiceName) -> [Worker]? {
    guard let answer = try? probe.query(service) else { return nil }
    return beside(worker: answer.worker)
  }
}
