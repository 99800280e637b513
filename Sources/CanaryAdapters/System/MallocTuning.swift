internal import CSystem

/// How much memory the C library keeps.
package enum MallocTuning {
  /// At most two heaps, not one for each thread that ever allocated; for programs that mostly wait.
  package static func useFewHeaps() { canary_few_heaps() }

  /// Gives back what a large config took to be read.
  package static func trim() { canary_trim_heap() }
}
