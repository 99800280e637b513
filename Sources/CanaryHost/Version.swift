/// The version of this program, as `canary version` and the metrics tell it.
package enum Version {
  package static let current = "0.1.0"
}
