import CanaryAdapters
import CanaryCore
import FoundationEssentials
import Glibc
import TestSupport
import Testing

/// The formulas of docs/judge.md against values computed elsewhere, with many more digits (judge-reference.json).
@Suite(.busy) struct ReferenceTests {
  private struct Reference: Decodable {
    struct Stratum: Decodable {
      var nS, kS, nC, kC: Int
      var psi, psi0, log_e: Double
    }
    struct Slo: Decodable {
      var p_max: Double
      var k, n: Int
      var q, log_e: [Double]
    }
    struct Auto: Decodable { var stable_rate, p_max, floor, value: Double }
    struct Lean: Decodable {
      var nS, kS, nC, kC: Int
      var value: Double
    }
    struct PsiE: Decodable { var lam, value: Double }
    struct Bucket: Decodable {
      var ms: Double
      var index: Int
      var upper_edge: Double
    }
    struct Trace: Decodable {
      struct Step: Decodable {
        var op: String
        var time: Double
        var log_e: [Double]?
        var value: Double
      }
      var cases: [Step]
    }
    struct NonInferiority: Decodable {
      struct Case: Decodable {
        var n: Int
        var sum, v, delta, log_value, upper: Double
        var promotes: Bool
        var strata_needed: Int
      }
      var cases: [Case]
    }
    var log_e_stratum: [Stratum]
    var log_e_slo: [Slo]
    var slo_auto: [Auto]
    var lean: [Lean]
    var psi_e: [PsiE]
    var log_bucket: [Bucket]
    var wealth_trace: Trace
    var non_inferiority: NonInferiority
  }

  private let reference: Reference

  init() throws {
    let path = "\(HouseTests.root)/Tests/CoreTests/judge-reference.json"
    let text = try #require(try Files.read(path))
    reference = try JSONDecoder().decode(Reference.self, from: Data(text.utf8))
  }

  private func isSame(_ left: Double, _ right: Double) -> Bool {
    abs(left - right) <= 1e-9 * max(1, abs(right))
  }

  @Test func `formula 1: the bet in one stratum`() {
    #expect(reference.log_e_stratum.count == 12)
    for one in reference.log_e_stratum {
      let stratum = Stratum(
        stable: BadCount(one.nS, bad: one.kS), canary: BadCount(one.nC, bad: one.kC))
      let found = stratum.logBet(psi: one.psi, psi0: one.psi0)
      #expect(isSame(found, one.log_e), "\(one): \(found)")
    }
    for one in reference.lean {
      let stratum = Stratum(
        stable: BadCount(one.nS, bad: one.kS), canary: BadCount(one.nC, bad: one.kC))
      #expect(isSame(stratum.lean, one.value), "\(one): \(stratum.lean)")
    }
  }

  @Test func `formula 2: capital over start times`() {
    var wealth = Wealth(effects: 2, stages: 5)
    wealth.beginStage()
    for step in reference.wealth_trace.cases {
      while Double(wealth.restartCount + 1) * 10 <= step.time { wealth.restart() }
      switch step.op {
      case "update": wealth.scale((step.log_e ?? []).map { exp($0) })
      case "stage": wealth.beginStage()
      case "drop": wealth.drop()
      default: break
      }
      #expect(isSame(wealth.total, step.value), "\(step): \(wealth.total)")
    }
  }

  @Test func `formula 3: the bet against a bound`() {
    for one in reference.log_e_slo {
      for (found, right) in zip(Bound.effects(one.p_max), one.q) { #expect(isSame(found, right)) }
      let (good, bad) = Bound.factors(one.p_max)
      for index in one.log_e.indices {
        let found =
          Double(one.n - one.k) * log(good[index])
          + Double(one.k) * log(bad[index])
        #expect(isSame(found, one.log_e[index]), "\(one)")
      }
    }
    for one in reference.slo_auto {
      let found = Bound.automatic(stableRate: one.stable_rate, most: one.p_max, floor: one.floor)
      #expect(isSame(found, one.value), "\(one): \(found)")
    }
  }

  @Test func `formula 4: the evidence for going on`() {
    for one in reference.psi_e { #expect(isSame(Excess.cost(one.lam), one.value)) }
    for one in reference.non_inferiority.cases {
      let excess = Excess(count: one.n, sum: one.sum, variation: one.v)
      #expect(isSame(excess.logEvidence(margin: one.delta), one.log_value), "\(one)")
      #expect(excess.upper.map { isSame($0, one.upper) } == true, "\(one)")
      #expect(excess.excludes(margin: one.delta) == one.promotes)
      #expect(excess.strataNeeded(margin: one.delta) == one.strata_needed)
    }
  }

  @Test func `latencies by steps of two percent`() {
    for one in reference.log_bucket {
      #expect(LogBucket.index(milliseconds: one.ms) == one.index, "\(one)")
      #expect(isSame(LogBucket.upperEdge(one.index), one.upper_edge), "\(one)")
    }
  }

  /// E[e] ≤ 1 by exact enumeration: kC is hypergeometric when the pools are alike.
  @Test func `a bet expects to win nothing when the pools are alike`() {
    var worst = 0.0
    for stables in 1...14 {
      for canaries in 1...8 {
        for bad in 0...(stables + canaries) {
          for psi in [1.15, 2, 10, 1000] {
            var mean = 0.0
            for hit in max(0, bad - stables)...min(bad, canaries) {
              let stratum = Stratum(
                stable: BadCount(stables, bad: bad - hit), canary: BadCount(canaries, bad: hit))
              let chance =
                choose(canaries, hit) * choose(stables, bad - hit) / choose(stables + canaries, bad)
              var fast = [1.0]
              stratum.bet([psi], into: &fast)
              #expect(isSame(fast[0], exponential(stratum.logBet(psi: psi))))
              mean += chance * fast[0]
            }
            worst = max(worst, mean)
          }
        }
      }
    }
    #expect(worst <= 1 + 1e-12, "\(worst)")
    #expect(worst > 0.99)
  }

  private func choose(_ n: Int, _ k: Int) -> Double {
    (0..<k).reduce(1.0) { $0 * Double(n - $1) / Double($1 + 1) }
  }

  private func exponential(_ x: Double) -> Double {
    // Through the wealth, which is the only door to the exponential.
    var wealth = Wealth(effects: 1, stages: 1)
    wealth.beginStage()
    let before = wealth.placed[0]
    wealth.scale([exp(x)])
    return wealth.placed[0] / before
  }
}
