// swift-tools-version: 6.2
import PackageDescription

/// The one set of rules that every target is compiled with.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// The core reads logs and simulates rollouts by the million, in the tests too: it is optimised in every build.
let fast = settings + [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// Dependencies point one way: canary → Commands → Host → Adapters → Driver → Core.
let package = Package(
  name: "canary",
  products: [.executable(name: "canary", targets: ["canary"])],
  targets: [
    .target(name: "CanaryCore", swiftSettings: fast),
    .target(name: "CanaryDriver", dependencies: ["CanaryCore"], swiftSettings: settings),
    .target(
      name: "NginxTemplates",
      path: "nginx-templates",
      resources: [
        .embedInCode("audience.conf"), .embedInCode("bodies.conf"), .embedInCode("common.conf"),
        .embedInCode("elsewhere.conf"),
        .embedInCode("http.conf"),
        .embedInCode("location.conf"), .embedInCode("locations.conf"), .embedInCode("page.conf"),
        .embedInCode("server.conf"), .embedInCode("shadow.conf"), .embedInCode("stream.conf"),
        .embedInCode("upstream.conf"),
      ],
      swiftSettings: settings),
    .target(
      name: "CanaryAdapters",
      dependencies: [
        "CanaryDriver", "CanaryCore", "NginxTemplates", "CSystem", "CSQLite", "CCurl", "CCrypto",
        "CZlib",
      ],
      swiftSettings: settings),
    .target(
      name: "StatusPage",
      resources: [
        .embedInCode("index.html"), .embedInCode("page.css"), .embedInCode("page.js"),
        .embedInCode("charts.js"), .embedInCode("chinese.js"), .embedInCode("elements.js"),
        .embedInCode("sentences.js"), .embedInCode("tables.js"), .embedInCode("words.js"),
      ],
      swiftSettings: settings),
    .target(
      name: "CanaryHost",
      dependencies: ["CanaryAdapters", "CanaryDriver", "CanaryCore", "StatusPage"],
      swiftSettings: settings),
    .target(
      name: "CanaryCommands",
      dependencies: ["CanaryHost", "CanaryAdapters", "CanaryDriver", "CanaryCore"],
      swiftSettings: settings),
    .executableTarget(name: "canary", dependencies: ["CanaryCommands"], swiftSettings: settings),

    .target(name: "CSystem"),
    .systemLibrary(
      name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(
      name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    .target(
      name: "TestSupport",
      dependencies: ["CanaryAdapters", "CanaryDriver", "CanaryCore", "CSystem"],
      path: "Tests/TestSupport", swiftSettings: settings),
    .testTarget(
      name: "CoreTests", dependencies: ["CanaryCore", "CanaryAdapters", "TestSupport"],
      exclude: ["judge-reference.json", "transcripts"], swiftSettings: settings),
    .testTarget(
      name: "DriverTests", dependencies: ["CanaryDriver", "CanaryCore", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "AdapterTests",
      dependencies: ["CanaryAdapters", "CanaryDriver", "CanaryCore", "TestSupport"],
      exclude: ["answers"], swiftSettings: settings),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "CanaryCommands", "CanaryHost", "CanaryAdapters", "CanaryCore", "CanaryDriver", "canary",
        "TestSupport",
      ],
      exclude: ["captures"],
      swiftSettings: settings),
  ]
)

// Only libFuzzer can link it, which the plain build does not have: scripts/torture fuzz.
if Context.environment["CANARY_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "Fuzz", dependencies: ["TestSupport", "CanaryCore"], path: "Tests/Fuzz",
      exclude: ["corpus"], swiftSettings: settings))
}
