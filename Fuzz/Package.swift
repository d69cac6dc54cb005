// swift-tools-version: 6.2
import PackageDescription

// A package of its own, as everything in it is built with a sanitizer. `make fuzz-xml` builds and runs it.

let package = Package(
    name: "fuzz",
    dependencies: [
        .package(name: "swallowtail", path: ".."),
        .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
    ],
    targets: [
        .executableTarget(
            name: "FuzzXML",
            dependencies: [
                .product(name: "XML", package: "swallowtail"),
                .product(name: "CExpat", package: "swallowtail"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: [.enableExperimentalFeature("Lifetimes")]
        ),
    ]
)
