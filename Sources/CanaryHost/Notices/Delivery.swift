internal import CanaryAdapters
internal import CanaryCore
internal import CanaryDriver

/// Gives one notice to one receiver.
struct Delivery: Sendable {
  /// Variables of the environment that mail programs and commands get beside the usual ones.
  let variables: @Sendable () -> [String]
  var environment: [String: String] = ThisProcess.environment
  let clock: any WallClock

  /// The longest time that one delivery may take.
  private static let limit = Span.seconds(10)

  /// Delivers a notice; nil on success, otherwise the fault with secrets redacted.
  func give(_ body: NoticeBody, _ receiver: Receiver) async -> String? {
    switch receiver.kind {
    case .mail(let to, let from, let program):
      return await run(program, input: body.mail(to: to, from: from))
    case .command(let words):
      return await run(words, input: body.json + "\n", facts: body.environment)
    case .webhook, .slack, .wecom, .dingtalk, .feishu, .otlp: return await post(body, receiver)
    }
  }

  private func run(
    _ words: [String], input: String, facts: [String: String] = [:]
  ) async -> String? {
    let variables = variables()
    var secrets = Secrets(environment: environment)
    secrets.hide(variables: variables)
    return await Blocking.runProgram { [secrets] in
      do throws(SpawnError) {
        let ran = try Spawn.run(
          words, limit: Self.limit, environment: facts, inherits: .usual(and: variables),
          input: input)
        if ran.succeeded { return nil }
        return "\(words[0]) failed (\(ran.end)): \(secrets.excerpt(ran.output))"
      } catch {
        return error.description
      }
    }
  }

  private func post(_ body: NoticeBody, _ receiver: Receiver) async -> String? {
    var secrets = Secrets(environment: environment)
    do throws(SourceError) {
      guard let place = receiver.url else { return "has no address" }
      let base = try secrets.value(place)
      secrets.hide(url: base)
      if case .plain = place.place {} else { secrets.hide(secretURL: base) }
      let secret: String? =
        if let kept = receiver.secret { try secrets.value(kept) } else { nil }
      let (url, text) = body.post(receiver.kind, url: base, secret: secret, now: clock.now())
      var question = HTTPRequest(url, limit: Self.limit)
      question.method = "POST"
      question.body = text
      question.headers = [
        ("Content-Type", "application/json"), ("X-Canary-Event", body.event),
        ("X-Canary-Delivery", body.delivery),
      ]
      if case .webhook = receiver.kind, let secret {
        let signature = Digest.hex(Digest.hmac(text, key: secret))
        question.headers.append(("X-Canary-Signature", "sha256=\(signature)"))
      }
      for (name, value) in receiver.headers.sorted(by: { $0.key < $1.key }) {
        question.headers.append((name, try secrets.header(name, value)))
      }
      switch await HTTPLoop.shared.send(question) {
      case .success(let answer):
        return NoticeBody.fault(receiver.kind, answer, secrets).map(secrets.redacted)
      case .failure(let error): return secrets.excerpt(error.description, limit: 300)
      }
    } catch {
      return secrets.redacted(error.description)
    }
  }
}
