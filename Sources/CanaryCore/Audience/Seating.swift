/// How a service's canary gets its share.
package enum WeightForm: String, Hashable, Sendable, Codable, CaseIterable {
  /// Each request has a seat, and a stage is a set of seats: no reload between the stages.
  case seats
  /// One weighted upstream group, exact to one request in a thousand: a reload for each stage.
  case upstream
}

/// The seats of a rollout: the same for all its stages, so that a stage is only a set of them.
///
/// A drawn seat is one per cent of the requests, named by its lower bound: `0` to `99`. In a plan
/// with `only`, those whom its first `only` lets in sit on `o1.0` to `o1.99`, those whom only the
/// second one lets in on `o2.0` and so on. Who is chosen by a rule sits on `preview` or `never`.
package struct Seating: Hashable, Sendable, Codable, Emptiable {
  /// Weights of the plan that are no whole per cent; each divides the seat that it lies in.
  package var cuts: [Weight] = []
  /// The different `only` of the plan, in the order of its stages; each lets in all whom the one
  /// before does.
  package var circles: [Selector] = []
  /// The different `shadow` of the plan, in the order of its stages.
  @Sparse package var shadows: [Shadow] = []

  /// The different `limit` of the plan, in the order of its stages; empty where all stages have one.
  @Sparse package var limits: [RequestRate] = []
  /// Whether some stages let in whom `preview` names, and others do not.
  @Sparse package var choosesPreviews = false

  package static var empty: Seating { Seating() }

  package init() {}

  package init(of plan: Plan) {
    for stage in plan.stages {
      if stage.weight.basisPoints % 100 != 0 { cuts.append(stage.weight) }
      if let only = stage.only, circles.last != only { circles.append(only) }
      if let shadow = stage.shadow, !shadows.contains(shadow) { shadows.append(shadow) }
      if let limit = stage.limit, !limits.contains(limit) { limits.append(limit) }
    }
    cuts = Set(cuts).sorted()
    if Set(plan.stages.map(\.limit)).count < 2 { limits = [] }
    choosesPreviews = Set(plan.stages.map { $0.preview ?? true }).count > 1
  }

  /// The lower bound of each drawn seat, ascending from 0.
  package var bounds: [Weight] {
    let whole = (0..<100).compactMap { Weight(percent: Double($0)) }
    return (whole + cuts).sorted()
  }

  /// The lower bound of each seat of a copy, ascending from 0: those at which a share of the plan
  /// ends.
  private var copyBounds: [Weight] { Set([.none] + shadows.map(\.share)).sorted() }

  /// Every seat of a copy, in the order of their draw.
  package var drawnCopies: [Drawn] { Self.drawn(copyBounds) }

  /// A drawn seat: its name, and its share of the requests.
  package struct Drawn: Hashable, Sendable {
    package var name: String
    package var share: Weight
  }

  /// Every drawn seat, in the order of the draw.
  package var drawn: [Drawn] { Self.drawn(bounds) }

  private static func drawn(_ bounds: [Weight]) -> [Drawn] {
    bounds.indices.compactMap { index in
      let end = index + 1 < bounds.count ? bounds[index + 1] : .all
      let share = Double(end.basisPoints - bounds[index].basisPoints) / 100
      guard let share = Weight(percent: share), share > .none else { return nil }
      return Drawn(name: bounds[index].description, share: share)
    }
  }

  /// The name of a drawn seat within a circle, the first of which is 1; nil: in none.
  package static func name(_ drawn: String, circle: Int?) -> String {
    circle.map { "o\($0).\(drawn)" } ?? drawn
  }

  /// The seat of whom a `preview` lets in, and of whom a `never` keeps out.
  package static let preview = "preview"
  package static let never = "never"
  /// The seat of a copy: by the route of its request, from 0, the method, and its own draw.
  ///
  /// No other seat begins so, and a method has no dot.
  package static func copy(route: String, method: String, drawn: String) -> String {
    "copy.\(route).\(method).\(drawn)"
  }
  /// The one seat of all requests while a former pool is kept: a revert of the promotion takes it.
  package static let everybody = "all"
  /// Not a seat: a name that the set of a stage has, by which the text takes up one of its limits, or
  /// the rules of `preview`.
  package static func limit(_ index: Int) -> String { "limit.\(index)" }
  package static let previews = "previews"
  /// Every seat whose name is the same in all plans.
  package static let every =
    [everybody, preview, never] + Seating().bounds.map(\.description)

  /// The seats of the requests that a stage copies; `routes` are the paths of the service.
  package func copied(_ shadow: Shadow, routes: [String]) -> [String] {
    let drawn = copyBounds.filter { $0 < shadow.share }.map(\.description)
    return routes.indices.filter { shadow.copies(routes[$0]) }.flatMap { route in
      shadow.methods.flatMap { method in
        drawn.map { Self.copy(route: "\(route)", method: method, drawn: $0) }
      }
    }
  }

  /// The seats that meet the canary at a weight.
  ///
  /// `only` is that of the stage; nil: the weight draws among all.
  package func met(at weight: Weight, only: Selector?, preview: Bool) -> [String] {
    let drawn = bounds.filter { $0 < weight }.map(\.description)
    let all = Array(circles.indices.map { $0 + 1 })
    let inside = only.map { one in circles.firstIndex(of: one).map { all.prefix($0 + 1) } ?? [] }
    var seats = only == nil ? drawn : []
    for circle in inside ?? all[...] {
      seats += drawn.map { Self.name($0, circle: circle) }
    }
    return seats + (preview ? [Self.preview] : [])
  }

  /// The share of the requests whose seats are in a set: of all, or of those in its circles where
  /// nobody else is drawn.
  package func share(of seats: Set<String>) -> Weight {
    if seats.contains(Self.everybody) { return .all }
    let circles = [nil] + circles.indices.map { Optional($0 + 1) }
    let shares = circles.map { circle in
      drawn.filter { seats.contains(Self.name($0.name, circle: circle)) }
        .reduce(0) { $0 + $1.share.basisPoints }
    }
    let sum = shares[0] > 0 ? shares[0] : shares.max() ?? 0
    return Weight(percent: Double(sum) / 100) ?? .none
  }
}
