import CanaryAdapters
import CanaryCore
import Glibc
import TestSupport
import Testing

/// The short part of `scripts/torture`: cases of each kind that were broken once, and happen at a call or a state, not at a time.
@Suite(.blocking) struct TortureTests {
  private static let repository = #filePath.split(separator: "/").dropLast(3).reduce("") {
    "\($0)/\($1)"
  }

  private static let cases = [
    "kills driver call=renameat2 number=2 flavour=seats",
    "kills command command=revert situation=soaking call=unlink number=1 flavour=seats",
    "faults promote call=fdatasync errno=EIO number=3 flavour=upstream",
    "faults command command=check situation=idle call=fcntl errno=EINTR number=1 flavour=seats",
    "faults command command=revert situation=soaking call=rename errno=EIO number=1 flavour=own",
    "faults controller call=connect errno=ECONNREFUSED number=2 flavour=seats",
    "scarce disk at=0.4000 command=promote flavour=seats",
    "scarce disk at=0.4000 command=revert flavour=upstream",
  ]

  @Test(.long)
  func `no kill, fault or full disk breaks a promise`() throws {
    let folder = try Folder()
    let words = Self.cases.flatMap { ["--case", $0] }
    let apart = getuid() == 0 ? ["unshare", "-m", "--propagation", "private"] : []
    let ran = try Spawn.run(
      apart + ["python3", "\(Self.repository)/scripts/parts/torture", "--canary", Sandbox.program]
        + ["--lanes", "2", "--minutes", "9", "--progress", folder.path] + words,
      limit: .minutes(9),
      // All other tests run beside it: how soon the brake comes is measured by `scripts/torture` alone.
      environment: ["CANARY_TORTURE_BRAKED": "12"])
    #expect(ran.succeeded, "\(ran.output)")
  }
}
