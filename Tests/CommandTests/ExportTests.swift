import CanaryAdapters
import CanaryCore
import TestSupport
import Testing

/// Plans as other tools read them, read by somebody else's YAML.
@Suite(.blocking) struct ExportTests {
  private func exported(_ sandbox: Sandbox, _ words: String...) throws -> (text: String, json: Node)
  {
    let ran = try sandbox.canary(["export", "chat"] + words)
    #expect(ran.code == 0, "\(ran.text)")
    let read = try Spawn.run(
      [
        "python3", "-c",
        "import sys, yaml, json; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))",
      ],
      limit: .seconds(20), input: ran.text)
    return (ran.text, try #require(JSONAnswer.parse(read.output), "\(read.output)\n\(ran.text)"))
  }

  private func at(_ pointer: String, _ root: Node) -> Node? { JSONAnswer.at(pointer, in: root) }

  private func sandbox() throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.writeConfig(
      plan: """
        stages: [{ weight: 5, soak: "30m" }, { weight: 12.5, soak: "1h", approval: { count: 2 } }, { weight: 100, soak: "30m" }],
        checks: [
          { name: "errors", metric: "error_rate", max: "5%", for: "1m" },
          { name: "slow", metric: "latency_p99", max: "1s", window: "30s" },
          { name: "gpu", prometheus: "max(gpu{a=\\"x: #\\"})", max: 0.9, every: "20s", failures: 3 },
          { name: "health", probe: "/health" },
          { name: "worse", metric: "error_rate", versus: "stable" },
        ]
        """)
    return sandbox
  }

  @Test func `a plan is a Rollout of Argo, with its gates`() throws {
    let sandbox = try sandbox()
    defer { sandbox.close() }
    let (text, root) = try exported(sandbox, "--argo")
    #expect(
      at("/0/kind", root) == .text("Rollout") && at("/1/kind", root) == .text("AnalysisTemplate"))
    let steps = "/0/spec/strategy/canary/steps"
    #expect(at("\(steps)/0/setWeight", root) == .number(5))
    #expect(at("\(steps)/1/pause/duration", root) == .text("1800s"))
    // An approval is a pause that a person ends.
    #expect(
      at("\(steps)/2/pause", root) == .table([:]) && at("\(steps)/3/setWeight", root) == .number(13)
    )
    #expect(at("\(steps)/5/setWeight", root) == .number(100))
    #expect(at("/1/spec/metrics/2/name", root) == .text("gpu"))
    #expect(
      at("/1/spec/metrics/2/provider/prometheus/query", root) == .text("max(gpu{a=\"x: #\"})"))
    #expect(at("/1/spec/metrics/2/failureLimit", root) == .number(2))
    #expect(at("/1/spec/metrics/3", root) == nil)
    for words in [
      "# a weight of 12.5% became 13", "# not carried over: check worse: a comparison with stable",
      "# not carried over: check health: say it as readinessProbe of the pods: GET /health",
    ] { #expect(text.contains(words), "\(text)") }
  }

  @Test func `a plan is a Canary of Flagger, and a stage two documents of Istio`() throws {
    let sandbox = try sandbox()
    defer { sandbox.close() }
    let (text, flagger) = try exported(sandbox, "--flagger", "--port", "8080")
    #expect(at("/0/spec/analysis/stepWeights", flagger) == .list([.number(5), .number(13)]))
    #expect(at("/0/spec/analysis/metrics/0/thresholdRange/min", flagger) == .number(95))
    #expect(at("/0/spec/analysis/metrics/1/thresholdRange/max", flagger) == .number(1000))
    #expect(at("/0/spec/service/port", flagger) == .number(8080))
    #expect(
      text.contains("# every stage lasts 30m") && text.contains("not carried over: check gpu"),
      "\(text)")
    let (_, istio) = try exported(sandbox, "--istio", "--stage", "2")
    let route = "/0/spec/http/0/route"
    #expect(
      at("\(route)/0/weight", istio) == .number(87) && at("\(route)/1/weight", istio) == .number(13)
    )
    #expect(at("\(route)/1/destination/subset", istio) == .text("green"))
    #expect(at("/1/spec/subsets/0/labels/version", istio) == .text("blue"))
  }

  @Test func `what cannot be exported is said`() throws {
    let sandbox = try sandbox()
    defer { sandbox.close() }
    for (words, says) in [
      ([], "say one of --argo, --flagger and --istio"),
      (["--argo", "--istio"], "say one of"),
      (["--istio", "--stage", "4"], "--stage must be a whole number from 1 to 3"),
      (["--flagger", "--port", "x"], "--port must be a whole number from 1 to 65535"),
    ] as [([String], String)] {
      let ran = try sandbox.canary(["export", "chat"] + words)
      #expect(ran.code == 2 && ran.text.contains(says), "\(ran.text)")
    }
  }
}
