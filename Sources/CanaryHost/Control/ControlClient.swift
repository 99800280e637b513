internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Asks the controller, for somebody who may not write its store.
package struct ControlClient: Sendable {
  private let path: String
  private let sudo: UInt32?
  private let claim: String?
  private let config: String?

  /// Nil when this user may write the store itself, and when no controller can be asked.
  init?(_ config: Config, environment: [String: String], origin: String?) {
    let store = "\(config.state)/canary.db"
    guard Files.isClosed(store), Files.exists(config.run.control) else { return nil }
    path = config.run.control
    sudo = environment["SUDO_UID"].flatMap(UInt32.init)
    claim = origin
    self.config = config.digest
  }

  /// The controller's answer; throws what failed on the way or there.
  package func ask(_ request: ControlRequest) async throws(Failure) -> ControlAnswer {
    var request = request
    request.sudo = sudo
    request.claim = claim
    request.config = self.config
    let unsaid = Failure(
      .outside, "the controller and this program do not understand each other",
      hint: "Is one of another version? See: canary version; systemctl restart canary")
    guard let line = Coded.text(request) else { throw unsaid }
    // Before a rollout begins, Nginx tests its files.
    let limit = request.act == .promote ? Span.minutes(4) : .seconds(20)
    let asked = await Blocking.run { [path] in
      Result { () throws(FileError) in
        try ControlSocket.ask(path, line, limit: limit)
      }
    }
    switch asked {
    case .failure(let error):
      throw Failure(
        .outside, "\(error)",
        hint: "Nothing was touched, as far as is known. See: systemctl status canary")
    case .success(let text):
      guard let answer = Coded.value(ControlAnswer.self, text) else { throw unsaid }
      if let fault = answer.fault {
        throw Failure(answer.isWrong == true ? .wrong : .outside, fault, hint: answer.hint)
      }
      return answer
    }
  }
}
