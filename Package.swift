// swift-tools-version: 6.3

import PackageDescription

// Targets stand in the order a request meets them; DESIGN words are module words.
let package = Package(
  name: "needletail",
  products: [
    .executable(name: "needletail", targets: ["needletail"]),
    .executable(name: "needletail-load", targets: ["needletail-load"]),
    // Loaded into a gateway by AllocationTests.
    .library(name: "AllocationCount", type: .dynamic, targets: ["AllocationCount"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .executableTarget(
      name: "needletail",
      dependencies: [
        "Bytes", "Configuration", "Events", "Gateway", "HTTP", "Memcached", "Model", "Publishing", "Reactor", "Retrieval", "Snapshots",
        "RepositoryServer", "Telemetry", "Tensors", "Trainer",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: .needletail),

    .target(
      name: "Gateway",
      dependencies: [
        "Bytes", "Configuration", "Events", "HTTP", "JSON", "Memcached", "Model", "Publishing", "Reactor", "Snapshots",
        "Telemetry", .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: .needletail),
    .target(name: "HTTP", dependencies: ["Bytes"], swiftSettings: .needletail),
    .target(
      name: "Memcached", dependencies: ["Bytes", "CMemcached", "Reactor", "Telemetry"], swiftSettings: .needletail),
    .target(name: "Events", dependencies: ["Bytes", "CLZ4", "JSON", "Model"], swiftSettings: .needletail),
    .target(
      name: "Publishing",
      dependencies: ["Bytes", "CCurl", "CLZ4", "Snapshots", .product(name: "Logging", package: "swift-log")],
      swiftSettings: .needletail),
    // Serves a repository to gateways and takes versions in from publishers; knows no gateway.
    .target(
      name: "RepositoryServer",
      dependencies: [
        "Bytes", "HTTP", "Publishing", "Reactor", "Snapshots", .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: .needletail),
    .target(name: "Model", dependencies: ["Bytes", "Ranking", "Retrieval", "Snapshots"], swiftSettings: .needletail),
    .target(name: "Ranking", dependencies: ["Retrieval"], swiftSettings: .needletail),
    // Optimised in debug builds too: calibration searches 40,000 times an index, and tests build dozens.
    .target(
      name: "Retrieval", dependencies: ["CKernels", "Snapshots"],
      swiftSettings: .needletail + [.unsafeFlags(["-O"], .when(configuration: .debug))]),
    .target(name: "Snapshots", dependencies: ["Bytes"], swiftSettings: .needletail),
    .target(
      name: "Trainer", dependencies: ["Bytes", "CFactorization", "COpenBLAS", "Events", "Model", "Tensors"],
      swiftSettings: .needletail),
    .target(name: "Tensors", dependencies: ["JSON", "Snapshots"], swiftSettings: .needletail),
    .target(name: "Reactor", dependencies: ["Clibuv"], swiftSettings: .needletail),
    .target(name: "JSON", dependencies: ["CSIMDJSON"], swiftSettings: .needletail),
    .target(
      name: "Configuration", dependencies: [.product(name: "Yams", package: "Yams")], swiftSettings: .needletail),
    .target(
      name: "Telemetry", dependencies: ["Bytes", .product(name: "Logging", package: "swift-log")],
      swiftSettings: .needletail),
    .target(name: "Bytes", dependencies: ["CCrypto", "CXXHash"], swiftSettings: .needletail),

    // C: kernels, and one shim a library.
    .target(name: "CFactorization", exclude: ["kernels.inc"], cSettings: [.unsafeFlags(["-O3"])]),
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
    .target(name: "CSIMDJSON", cxxSettings: [.unsafeFlags(["-O2"])], linkerSettings: [.linkedLibrary("simdjson")]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CMemcached", pkgConfig: "libmemcached", providers: [.apt(["libmemcached-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-serial-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "Clibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),

    // The load kit. It shares no module with the gateway but Reactor's threads and the JSON parser: what measures does not
    // serve.
    .executableTarget(
      name: "needletail-load",
      dependencies: [
        "LoadGenerator", "LoadLab", "LoadReport", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "LoadTests/Command", swiftSettings: .needletail),
    .target(
      name: "LoadGenerator", dependencies: ["Bytes", "CEpoll", "JSON", "Reactor", .product(name: "Yams", package: "Yams")],
      path: "LoadTests/Generator", swiftSettings: .needletail),
    .systemLibrary(name: "CEpoll", path: "LoadTests/CEpoll"),
    .target(name: "LoadLab", path: "LoadTests/Lab", swiftSettings: .needletail),
    .target(name: "LoadReport", dependencies: ["LoadGenerator"], path: "LoadTests/Report", swiftSettings: .needletail),

    .target(name: "AllocationCount", path: "Tests/AllocationCount"),
    .testTarget(
      name: "AllocationTests", dependencies: ["TestSupport"], exclude: ["budgets.json"], swiftSettings: .needletail),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: .needletail),
    .tests("Bytes"),
    .tests("Configuration"),
    .tests("Events", "Bytes", "JSON", "Model"),
    .tests(
      "Gateway", "Bytes", "Configuration", "Events", "HTTP", "JSON", "Model", "Publishing", "Reactor", "Snapshots"),
    .tests("HTTP", "Bytes"),
    .tests("JSON"),
    .tests("LoadGenerator", "Bytes", "Reactor"),
    .tests("LoadLab"),
    .tests("LoadReport", "LoadGenerator"),
    .tests("Memcached", "Bytes", "Reactor", "CMemcached"),
    .tests("Model", "Bytes", "Ranking", "Retrieval", "Snapshots"),
    .tests("Publishing", "Bytes", "Snapshots"),
    .tests("Ranking", "Retrieval"),
    .tests("Reactor"),
    .testTarget(
      name: "RepositoryServerTests",
      dependencies: [
        "Bytes", "HTTP", "Publishing", "Reactor", "RepositoryServer", "Snapshots", "TestSupport",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: .needletail),
    .tests("Retrieval", "Bytes", "CKernels", "Snapshots"),
    .tests("Snapshots", "Bytes"),
    .tests("Telemetry", "Bytes"),
    .tests("Tensors"),
    .tests("Trainer", "Bytes", "CFactorization", "Events", "Model", "Snapshots", "Tensors"),
    .testTarget(
      name: "CommandTests",
      dependencies: ["Bytes", "Events", "Publishing", "Retrieval", "Snapshots", "Tensors", "TestSupport"],
      swiftSettings: .needletail),
    .testTarget(
      name: "SimulationTests",
      dependencies: [
        "Bytes", "Configuration", "Gateway", "JSON", "Memcached", "Model", "Publishing", "Reactor", "Snapshots",
        "TestSupport", .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: .needletail),
    .testTarget(
      name: "GatewayIntegrationTests",
      dependencies: [
        "Bytes", "Configuration", "Events", "Gateway", "LoadGenerator", "Model", "Publishing", "Reactor", "Snapshots",
        "Tensors", "TestSupport", "Trainer", .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: .needletail),
  ],
  cxxLanguageStandard: .cxx17
)

// A build for a sanitizer takes its time: it makes some test targets and what these need, and nothing else.
if let wanted = Context.environment["NEEDLETAIL_TESTS"]?.split(separator: " ").map(String.init) {
  var needed = Set(wanted)
  var unseen = wanted
  while let name = unseen.popLast() {
    for case .byNameItem(let other, _) in package.targets.first(where: { $0.name == name })?.dependencies ?? []
    where needed.insert(other).inserted {
      unseen.append(other)
    }
  }
  package.targets.removeAll { !needed.contains($0.name) }
  package.products = []
}

extension [SwiftSetting] {
  static var needletail: [SwiftSetting] {
    [
      .swiftLanguageMode(.v6),
      .enableUpcomingFeature("ExistentialAny"),
      .enableUpcomingFeature("InternalImportsByDefault"),
      .enableUpcomingFeature("MemberImportVisibility"),
      .enableExperimentalFeature("Lifetimes"),
      .treatAllWarnings(as: .error),
      // Debug builds and all tests check that no variable is changed while it is lent; the checks took 0.7 of the 10 µs
      // of a hit.
      .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
    ]
  }
}

extension Target {
  /// The tests of one module, which mirror its sources file by file.
  static func tests(_ module: String, _ others: String...) -> Target {
    .testTarget(
      name: "\(module)Tests", dependencies: ([module, "TestSupport"] + others).map { .byName(name: $0) },
      swiftSettings: .needletail)
  }
}
