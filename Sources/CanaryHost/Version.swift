/// The version of this program, as `canary version` and the metrics show it.
package enum Version {
  package static let current = "0.1.0"
}
