internal import CSystem

/// Limits how much memory the C library keeps.
package enum MallocTuning {
  /// Uses at most two heaps rather than one per thread; right for programs that mostly wait.
  package static func useFewHeaps() { canary_few_heaps() }

  /// Returns freed memory to the system, such as after reading a large config.
  package static func trim() { canary_trim_heap() }
}
