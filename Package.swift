// swift-tools-version: 6.2
import PackageDescription

// Targets stand in dependency order: each may use only those above it.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1 = Target.Dependency.product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let jwt = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")

/// The server and the modules that it exports anew. Whoever compiles against them names them all: a change of a module has
/// nobody compiled again who names only others that use it.
let server: [Target.Dependency] = ["XML", "XMPP", "XMPPStream", "XMPPServer"]

func target(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "swallowtail",
    products: [
        .executable(name: "swallowtail", targets: ["swallowtail"]),
        .library(name: "CExpat", targets: ["CExpat"]),
        .library(name: "XML", targets: ["XML"]),
        .library(name: "XMPP", targets: ["XMPP"]),
        .library(name: "XMPPStream", targets: ["XMPPStream"]),
        .library(name: "XMPPServer", targets: ["XMPPServer"]),
        .library(name: "XMPPModules", targets: ["XMPPModules"]),
        .library(name: "SQLiteStorage", targets: ["SQLiteStorage"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    ],
    targets: [
        .systemLibrary(name: "CIDN2", pkgConfig: "libidn2", providers: [.apt(["libidn2-dev"])]),
        .systemLibrary(name: "CQRencode", pkgConfig: "libqrencode", providers: [.apt(["libqrencode-dev"])]),
        .systemLibrary(name: "CExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),

        target("XML", [nioCore]),
        target("XMPP", ["XML", "CIDN2", nioCore]),
        target(
            "XMPPStream", ["XML", "XMPP", deque, heap, nioCore, nioTLS, nioSSL, nioWebSocket, crypto, cryptoExtras]),
        target(
            "XMPPServer",
            [
                "XML", "XMPP", "XMPPStream", deque, nioPosix, nioSSL, crypto, cryptoExtras, x509, asn1, logging,
                lifecycle, yams,
            ]),
        target("XMPPModules", server + [nioCore, nioPosix, crypto, httpClient, logging]),
        target("SQLiteStorage", server + [nioCore, grdb, sqlite, logging]),
        target(
            "Web",
            server + [
                "XMPPModules", hummingbird, httpTypes, nioHTTPTypes, nioHTTPTypesHTTP1, mustache, jwt, httpClient,
                nioCore, nioHTTP1,
                nioWebSocket, nioPosix, nioSSL, crypto, logging,
            ],
            resources: [.embedInCode("Chat/Assets")]),
        .executableTarget(
            name: "swallowtail",
            dependencies: server + [
                "XMPPModules", "SQLiteStorage", "Web", "CQRencode", nioPosix, logging, lifecycle, unixSignals,
                argumentParser,
            ],
            swiftSettings: settings
        ),
        target(
            "TestKit",
            server + [
                "XMPPModules", "SQLiteStorage", nioEmbedded, nioPosix, nioWebSocket, nioSSL, crypto, x509, asn1,
                logging,
            ]),

        tests("XMLTests", ["XML", "CExpat"]),
        tests("XMPPTests", ["XML", "XMPP"]),
        tests(
            "XMPPStreamTests",
            [
                "XML", "XMPP", "XMPPStream", nioCore, nioEmbedded, nioPosix, nioTLS, nioSSL, nioWebSocket, subprocess,
                systemPackage,
            ]),
        tests(
            "XMPPServerTests",
            server + ["XMPPModules", "Web", "SQLiteStorage", "TestKit", subprocess, systemPackage, "swallowtail"]),
        tests("XMPPModulesTests", server + ["XMPPModules", "TestKit", nioCore, nioPosix]),
        .target(
            name: "StorageConformance",
            dependencies: server,
            path: "Tests/StorageConformance",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "StorageCrashWriter",
            dependencies: server + ["SQLiteStorage"],
            path: "Tests/StorageCrashWriter",
            swiftSettings: settings
        ),
        tests(
            "SQLiteStorageTests",
            server + [
                "SQLiteStorage", "TestKit", "StorageConformance", subprocess, systemPackage, "StorageCrashWriter",
            ]),
        tests(
            "WebTests",
            server + [
                "Web", "XMPPModules", "TestKit", "SQLiteStorage", hummingbird, jwt, httpClient, crypto, nioCore,
                nioEmbedded, nioPosix,
                nioHTTP1, logging,
            ]),
        tests("ConversationTests", server + ["XMPPModules", "TestKit", nioCore]),
    ]
)
