// swift-tools-version: 6.2
import PackageDescription

// A package of its own: the server's build does not need it, nor what it depends on.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(name: "swallowtail", path: ".."),
        .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // Drives any XMPP server.
        .executableTarget(
            name: "swallowtail-load",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: settings
        ),
        // Passes bytes on without looking at them as XML: what no server can undercut.
        .executableTarget(name: "floor"),
        // Writes the same to many connections: what no presence can undercut.
        .executableTarget(name: "fan-out"),
        // Counts allocations and instructions.
        .target(name: "CCounters"),
        // The parts of the server, one by one.
        .executableTarget(
            name: "swallowtail-microbench",
            dependencies: [
                "CCounters",
                .product(name: "XML", package: "swallowtail"),
                .product(name: "XMPP", package: "swallowtail"),
                .product(name: "XMPPStream", package: "swallowtail"),
                .product(name: "XMPPServer", package: "swallowtail"),
                .product(name: "XMPPModules", package: "swallowtail"),
                .product(name: "SQLiteStorage", package: "swallowtail"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
    ]
)
