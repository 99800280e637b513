/// A value of the store that may have been edited, or damaged on the disk, so that its parts do not
/// fit together any more.
package protocol Checkable {
  /// Whether its parts fit together; what does not would end the program.
  var isSound: Bool { get }
}

extension Rollout: Checkable {
  package var isSound: Bool {
    let stages = plan.stages.indices
    let named = [stage, approval?.stage, reached, passed, hooked].compactMap(\.self)
    return !stages.isEmpty && named.allSatisfy(stages.contains)
  }
}

extension ServiceState: Checkable {
  package var isSound: Bool { rollout?.isSound ?? true }
}

extension ComparisonJudge: Checkable {
  package var isSound: Bool {
    let hasFactors =
      boundWealth.placed.count == goodFactors.count && goodFactors.count == badFactors.count
    let hasWatches = watches.allSatisfy(\.isSound)
    let hasGrids = subjects.allSatisfy {
      $0.grid.count == $0.check.compare.grid.count && $0.wealth.placed.count == $0.grid.count
    }
    return trailing.isSound && stableMinute.isSound && hasWatches && hasFactors && hasGrids
      && ratio?.isSound ?? true
  }
}
