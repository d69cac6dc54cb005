// swift-tools-version: 6.2
import PackageDescription

// A package of its own, as everything in it is built with a sanitizer. `make fuzz-xml` and its kin build and run it.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")

func product(_ name: String) -> Target.Dependency {
    .product(name: name, package: "swallowtail")
}

/// What must hold is in the tests' folder Support, of which Scripts/fuzz makes links below the target's own: links that are
/// committed do not survive everywhere.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "fuzz",
    dependencies: [
        .package(name: "swallowtail", path: ".."),
        .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
    ],
    targets: [
        fuzzer("FuzzXML", [product("XML"), product("CExpat"), nioCore]),
        fuzzer("FuzzAddresses", [product("XMPP")]),
        fuzzer("FuzzSASL", [product("XML"), product("XMPP"), product("XMPPStream")]),
    ]
)
