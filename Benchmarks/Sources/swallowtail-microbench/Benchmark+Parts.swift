import Crypto
import CryptoExtras
import FoundationEssentials
import NIOCore
import XML
import XMPP
import XMPPStream

extension Benchmark {
    static var all: [Benchmark] { parser + writer + addresses + [scram(.sha1), scram(.sha256)] + routing + storage }

    // MARK: Stanzas

    static let message =
        "<message to='user2@localhost' type='chat' id='m0-1'><body>" + String(repeating: "x", count: 100)
        + "</body></message>"

    static let header =
        "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xml:lang='en' xmlns='jabber:client' "
        + "xmlns:stream='http://etherx.jabber.org/streams'>"

    /// A parser behind the stream's header, and the first thing that comes then.
    private static func element(_ text: String) throws -> Element {
        var parser = StreamParser(limits: XMLLimits())
        parser.feed(ByteBuffer(string: header + text))
        while let event = try parser.next() {
            if case .element(let element) = event { return element }
        }
        throw Broken("no element in \(text)")
    }

    private static func parsing(_ name: String, _ text: String, bytesAtOnce: Int = .max) -> Benchmark {
        Benchmark(name: name) {
            let bytes = ByteBuffer(string: text)
            var pieces: [ByteBuffer] = []
            var rest = bytes
            while let piece = rest.readSlice(length: min(bytesAtOnce, rest.readableBytes)), piece.readableBytes > 0 {
                pieces.append(piece)
            }
            return { count in
                var parser = StreamParser(limits: XMLLimits(stanzaBytes: 1 << 20))
                parser.feed(ByteBuffer(string: header))
                _ = try parser.next()
                for _ in 0..<count {
                    for piece in pieces { parser.feed(piece) }
                    guard let event = try parser.next() else { throw Broken("no stanza in \(name)") }
                    consume(event)
                }
            }
        }
    }

    private static var parser: [Benchmark] {
        [
            parsing("parse: chat message", message),
            parsing("parse: chat message in two pieces", message, bytesAtOnce: 100),
            parsing("parse: ping", "<iq type='get' id='p1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"),
            parsing(
                "parse: 64 KiB body",
                "<message to='user2@localhost' type='chat'><body>" + String(repeating: "x", count: 65_536)
                    + "</body></message>"),
        ]
    }

    private static func writing(_ name: String, _ body: @escaping (inout XMLWriter) -> Void) -> Benchmark {
        Benchmark(name: name) {
            { count in
                var buffer = ByteBuffer()
                buffer.reserveCapacity(4096)
                for _ in 0..<count {
                    buffer.clear()
                    // The writer takes the buffer and gives it back, as a connection's output does.
                    var writer = XMLWriter(appendingTo: exchange(&buffer, with: ByteBuffer()))
                    body(&writer)
                    buffer = writer.finish()
                }
                consume(buffer)
            }
        }
    }

    private static var writer: [Benchmark] {
        let passed = Result { try element(message) }
        return [
            Benchmark(name: "write: chat message passed on") {
                let element = try passed.get()
                return try await writing("") {
                    $0.stanza(element, from: "user1@localhost/load", to: "user2@localhost", lang: "en")
                }.prepare()
            },
            writing("write: result of a ping") { writer in
                writer.start("iq", .client)
                writer.attribute("type", "result" as StaticString)
                writer.attribute("id", "p1")
                writer.attribute("to", "user1@localhost/load")
                writer.end()
            },
        ]
    }

    private static func parsingAddress(_ name: String, _ text: String) -> Benchmark {
        Benchmark(name: name) {
            guard JID(text) != nil else { throw Broken("\(text) is no address") }
            return { count in
                for _ in 0..<count { consume(JID(text)) }
            }
        }
    }

    private static var addresses: [Benchmark] {
        [
            parsingAddress("address: ASCII, bare", "user2@localhost"),
            parsingAddress("address: ASCII, full", "user2@localhost/load"),
            parsingAddress("address: PRECIS", "Jürgen.Müller@bücher.example/Büro ß"),
        ]
    }

    // MARK: Sign-in

    /// The server's side of one exchange, from `<auth>` to `<success>`; the client's messages are made beforehand.
    private static func scram(_ hash: SCRAMHash) -> Benchmark {
        Benchmark(name: "sign-in: \(hash == .sha1 ? "SCRAM-SHA-1" : "SCRAM-SHA-256"), server's side") {
            let salt = Array("0123456789abcdef".utf8)
            guard let credential = SCRAMCredential(password: "secret", hash: hash, salt: salt, iterations: 4096) else {
                throw Broken("no credential")
            }
            let mechanism = hash == .sha1 ? SASLMechanism.scramSHA1 : .scramSHA256
            func begin() -> SASLExchange {
                SASLExchange(offered: [mechanism], binding: ChannelBinding(), host: "localhost", nonce: { "server" })
            }
            // What the server says is always the same, so that one look at it is enough.
            let first = begin()
            guard
                case .findCredential = first.started(
                    mechanism: mechanism.rawValue, initialResponse: Data("n,,\(firstBare)".utf8).base64EncodedString()),
                case .challenge(let bytes) = first.credentialFound(credential)
            else { throw Broken("SCRAM did not begin") }
            let messages =
                try hash == .sha1
                ? clientMessages(Insecure.SHA1.self, .insecureSHA1, salt, String(decoding: bytes, as: UTF8.self))
                : clientMessages(SHA256.self, .sha256, salt, String(decoding: bytes, as: UTF8.self))
            return { count in
                for _ in 0..<count {
                    let exchange = begin()
                    guard
                        case .findCredential = exchange.started(
                            mechanism: mechanism.rawValue, initialResponse: messages.first),
                        case .challenge = exchange.credentialFound(credential),
                        case .succeed = exchange.responded(messages.final)
                    else { throw Broken("SCRAM did not succeed") }
                }
            }
        }
    }

    private static let firstBare = "n=user1,r=client"

    private static func clientMessages<Hash: HashFunction>(
        _ hash: Hash.Type, _ function: KDF.Insecure.PBKDF2.HashFunction, _ salt: [UInt8], _ challenge: String
    ) throws -> (first: String, final: String) {
        let key = try KDF.Insecure.PBKDF2.deriveKey(
            from: Array("secret".utf8), salt: salt, using: function, outputByteCount: Hash.Digest.byteCount,
            unsafeUncheckedRounds: 4096)
        func code(_ text: some DataProtocol, _ key: SymmetricKey) -> [UInt8] {
            Array(HMAC<Hash>.authenticationCode(for: text, using: key))
        }
        let withoutProof = "c=biws,r=clientserver"
        let clientKey = code(Array("Client Key".utf8), key)
        let signature = code(
            Array("\(firstBare),\(challenge),\(withoutProof)".utf8),
            SymmetricKey(data: Array(Hash.hash(data: clientKey))))
        let proof = Data(zip(clientKey, signature).map { $0 ^ $1 }).base64EncodedString()
        func encoded(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
        return (encoded("n,,\(firstBare)"), encoded("\(withoutProof),p=\(proof)"))
    }
}

/// A benchmark does not do what it is to measure.
struct Broken: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Replaces a value and returns the former one, without a copy of either.
@inline(__always)
private func exchange<Value>(_ value: inout Value, with other: consuming Value) -> Value {
    let former = value
    value = other
    return former
}
