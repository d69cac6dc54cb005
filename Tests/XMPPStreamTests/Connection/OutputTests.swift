import Glibc
import NIOCore
import NIOEmbedded
import Testing
import XML
import XMPP

@testable import XMPPStream

@Suite("What a stream writes", .timeLimit(.minutes(10))) struct OutputTests {
    @Test("The output of one tick is one write")
    func oneWrite() async throws {
        let stream = try await TestStream.bound()
        try await stream.send((0..<100).map { "<message><body>\($0)</body></message>" }.joined())
        #expect(try await stream.writes() == [(0..<100).map { "<message>\($0)</message>" }.joined()])
        try await stream.send("<message><body>a</body></message>")
        try await stream.send("<message><body>b</body></message>")
        #expect(try await stream.output() == "<message>a</message><message>b</message>")
    }

    @Test("What a read after a rest leads to is written behind it; what others do right after, at the end of the tick")
    func afterRest() async throws {
        let stream = try await TestStream.bound()
        await stream.advance(.seconds(1))
        let waiting = try await stream.onLoop { stream in
            (0..<3).map { number in
                stream.channel.pipeline.fireChannelRead(ByteBuffer(string: "<message><body>\(number)</body></message>"))
                return stream.connection.output.readableBytes
            }
        }
        #expect(waiting == [0, 20, 40])
        #expect(try await stream.writes() == ["<message>0</message>", "<message>1</message><message>2</message>"])
    }

    @Test(
        "What one read sends to many waits for a moment, and what comes meanwhile goes with it",
        arguments: [(31, ["<presence/>", "<presence/>"]), (32, ["<presence/><presence/>"])])
    func fanOut(_ count: Int, _ writes: [String]) async throws {
        let sender = try await TestStream.bound()
        var contacts: [TestStream] = []
        for _ in 0..<count { contacts.append(try await TestStream.bound(beside: sender)) }
        await sender.advance(.seconds(1))
        for _ in 0..<2 {
            try await sender.onLoop { [contacts] sender in
                sender.context.handleRead(at: sender.context.eventLoop.now) {
                    for contact in contacts { contact.connection.append(ByteBuffer(string: "<presence/>")) }
                }
            }
            await sender.advance(.microseconds(40))
        }
        await sender.advance(.microseconds(10))
        for contact in contacts { #expect(try await contact.writes() == writes) }
    }

    @Test("The more are written to, the longer it waits")
    func fanOutOfMore() async throws {
        let sender = try await TestStream.bound()
        var contacts: [TestStream] = []
        for _ in 0..<64 { contacts.append(try await TestStream.bound(beside: sender)) }
        await sender.advance(.seconds(1))
        try await sender.onLoop { [contacts] sender in
            sender.context.handleRead(at: sender.context.eventLoop.now) {
                for contact in contacts { contact.connection.append(ByteBuffer(string: "<presence/>")) }
            }
        }
        await sender.advance(.microseconds(95))
        #expect(try await contacts[0].writes().isEmpty)
        await sender.advance(.microseconds(1))
        for contact in contacts { #expect(try await contact.writes() == ["<presence/>"]) }
    }

    @Test("The longer the writes took last, the longer it waits, and no longer than a millisecond")
    func fanOutOfSlowWrites() async throws {
        let sender = try await TestStream.bound()
        var contacts: [TestStream] = []
        for _ in 0..<32 { contacts.append(try await TestStream.bound(beside: sender)) }
        for contact in contacts {
            try await contact.onLoop { contact in
                try contact.channel.pipeline.syncOperations.addHandler(SlowWrite(), position: .first)
            }
        }
        for wait in [TimeAmount.microseconds(48), .milliseconds(1)] {
            await sender.advance(.seconds(1))
            try await sender.onLoop { [contacts] sender in
                sender.context.handleRead(at: sender.context.eventLoop.now) {
                    for contact in contacts { contact.connection.append(ByteBuffer(string: "<presence/>")) }
                }
            }
            await sender.advance(wait - .nanoseconds(1))
            #expect(try await contacts[0].writes().isEmpty)
            await sender.advance(.nanoseconds(1))
            for contact in contacts { #expect(try await contact.writes() == ["<presence/>"]) }
        }
    }

    @Test("Many are written to some at a time; who is read from meanwhile is answered at once, and nobody is left out")
    func fanOutInterrupted() async throws {
        let sender = try await TestStream.bound()
        let other = try await TestStream.bound(beside: sender)
        var contacts: [TestStream] = []
        for _ in 0..<600 { contacts.append(try await TestStream.bound(beside: sender)) }
        await sender.advance(.seconds(1))
        try await sender.onLoop { [contacts] sender in
            sender.context.handleRead(at: sender.context.eventLoop.now) {
                for contact in contacts { contact.connection.append(ByteBuffer(string: "<presence/>")) }
            }
        }
        await sender.advance(.microseconds(900))
        #expect(try await contacts[255].writes() == ["<presence/>"])
        #expect(try await contacts[256].writes().isEmpty)
        try await other.send("<message><body>a</body></message>")
        #expect(try await other.writes() == ["<message>a</message>"])
        #expect(try await contacts[256].writes().isEmpty)
        await sender.advance(.microseconds(10))
        #expect(try await contacts[511].writes() == ["<presence/>"])
        #expect(try await contacts[599].writes().isEmpty)
        await sender.advance(.microseconds(10))
        for contact in contacts where contact !== contacts[255] && contact !== contacts[511] {
            #expect(try await contact.writes() == ["<presence/>"])
        }
        try await other.send("<message><body>b</body></message>")
        #expect(try await other.writes() == ["<message>b</message>"])
    }

    @Test("What a write brings to be read is answered by another write")
    func readBehindWrite() async throws {
        let stream = try await TestStream.bound()
        await stream.advance(.seconds(1))
        try await stream.onLoop { stream in
            try stream.channel.pipeline.syncOperations.addHandler(ReadBehindWrite(), position: .first)
            stream.connection.append(ByteBuffer(string: "<message>1</message>"))
        }
        #expect(try await stream.writes() == ["<message>1</message>", "<message>2</message>"])
    }

    @Test("What is appended while something is written comes before that, and nothing is lost")
    func nested() async throws {
        let stream = try await TestStream.bound()
        try await stream.onLoop { stream in
            let connection = stream.connection
            connection.append(ByteBuffer(string: "<message>1</message>"))
            connection.write { writer in
                writer.start("presence", .client)
                connection.append(ByteBuffer(string: "<message>2</message>"))
                connection.write { inner in
                    connection.append(ByteBuffer(string: "<message>3</message>"))
                    inner.element("iq", .client)
                }
                connection.flush()
                writer.end()
            }
            connection.append(ByteBuffer(string: "<message>4</message>"))
        }
        let parts = ["<message>1</message>", "<message>2</message>", "<message>3</message>", "<iq />", "<presence />"]
        #expect(try await stream.writes() == [parts.joined() + "<message>4</message>"])
    }

    @Test("A stream that is closed while something is written ends with its closing tag")
    func closedWithin() async throws {
        let stream = try await TestStream.bound()
        try await stream.onLoop { stream in
            stream.connection.append(ByteBuffer(string: "<message>1</message>"))
            stream.connection.write { writer in
                writer.start("presence", .client)
                stream.connection.close(nil)
                writer.end()
            }
        }
        #expect(try await stream.output() == "<message>1</message></stream:stream>")
    }

    @Test("An answer that the client waits for may be larger than the bound, one at a time")
    func awaited() async throws {
        let stream = try await TestStream.bound(StubDelegate(.inClear { $0.connection.outgoingQueue = 1_000 }))
        try await stream.setWritable(false)
        let large = ByteBuffer(string: "<message>" + String(repeating: "x", count: 5_000) + "</message>")
        try await stream.onLoop { stream in
            stream.connection.append(large, isAwaited: true)
            stream.connection.append(ByteBuffer(string: "<presence />"))
        }
        #expect(stream.isOpen)
        try await stream.onLoop { $0.connection.append(large, isAwaited: true) }
        #expect(!stream.isOpen)
        #expect(stream.delegate.session?.end == .error(.resourceConstraint))
    }

    @Test("Whoever waits until all is written is told when the connection has it, or that it has not")
    func whenWritten() async throws {
        let stream = try await TestStream.bound()
        let told = Told()
        try await stream.setWritable(false)
        try await stream.onLoop { stream in
            stream.connection.append(ByteBuffer(string: "<message>1</message>"))
            stream.connection.whenWritten { told.results.append($0) }
        }
        #expect(try await stream.onLoop { _ in told.results } == [])
        try await stream.setWritable(true)
        #expect(try await stream.onLoop { _ in told.results } == [true])
        try await stream.setWritable(false)
        try await stream.onLoop { stream in
            stream.connection.append(ByteBuffer(string: "<message>2</message>"))
            stream.connection.whenWritten { told.results.append($0) }
            stream.channel.close(promise: nil)
        }
        #expect(try await stream.onLoop { _ in told.results } == [true, false])
    }

    @Test("A client that does not read is written to later, in order")
    func unread() async throws {
        let stream = try await TestStream.bound()
        try await stream.setWritable(false)
        for number in 0..<10 { try await stream.send("<message><body>\(number)</body></message>") }
        #expect(try await stream.writes().isEmpty)
        try await stream.setWritable(true)
        #expect(try await stream.writes() == [(0..<10).map { "<message>\($0)</message>" }.joined()])
    }

    @Test("More than the bound does not wait for a client that has stopped reading")
    func bounded() async throws {
        let stream = try await TestStream.bound(StubDelegate(.inClear { $0.connection.outgoingQueue = 10_000 }))
        try await stream.setWritable(false)
        let stanza = ByteBuffer(string: "<message>" + String(repeating: "x", count: 981) + "</message>")
        for _ in 0..<10 { try await stream.onLoop { $0.connection.append(stanza) } }
        #expect(stream.isOpen)
        try await stream.onLoop { $0.connection.append(stanza) }
        #expect(!stream.isOpen)
        #expect(stream.delegate.session?.end == .error(.resourceConstraint))
        #expect(stream.delegate.session?.ends == 1)
        #expect(try await stream.output() == "")
        #expect(try await stream.onLoop { $0.connection.output.capacity } == 0)
    }

    @Test("One stanza over the bound ends the stream as well, without a part of it")
    func tooLarge() async throws {
        let stream = try await TestStream.bound(StubDelegate(.inClear { $0.connection.outgoingQueue = 1_000 }))
        try await stream.onLoop { stream in
            stream.connection.write { $0.element("message", .client, text: String(repeating: "x", count: 2_000)) }
            stream.connection.write { $0.element("presence", .client) }
            stream.connection.close(.conflict)
        }
        #expect(try await stream.output() == "")
        #expect(!stream.isOpen)
    }

    @Test("The closing tag waits its turn")
    func closingUnread() async throws {
        let stream = try await TestStream.bound()
        try await stream.setWritable(false)
        try await stream.send("<message><body>1</body></message>")
        try await stream.onLoop { $0.connection.close(nil) }
        #expect(try await stream.output() == "")
        await stream.advance(.seconds(1))
        try await stream.setWritable(true)
        #expect(try await stream.output() == "<message>1</message></stream:stream>")
        await stream.advance(.seconds(1))
        #expect(!stream.isOpen)
    }

    @Test("An empty challenge and an empty success are empty elements")
    func emptySASL() async throws {
        let stream = try await TestStream()
        try await stream.send(TestStream.header + "<auth xmlns='\(Namespace.sasl)' mechanism='PLAIN'/>")
        #expect(try await stream.output().hasSuffix("<challenge xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\" />"))
        try await stream.send("<response xmlns='\(Namespace.sasl)'>AHJvbWVvAHdoZXJlZm9yZQ==</response>")
        #expect(try await stream.output(until: "<success") == "<success xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\" />")
    }
}

/// Hands on a message as read while the first write is under way, as a connection does that turns out to be broken.
private final class ReadBehindWrite: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private var hasRead = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        guard !hasRead else { return }
        hasRead = true
        context.fireChannelRead(wrapInboundOut(ByteBuffer(string: "<message><body>2</body></message>")))
    }
}

/// On the loop only; hence `@unchecked Sendable`.
private final class Told: @unchecked Sendable {
    var results: [Bool] = []
}

private final class SlowWrite: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        usleep(100)
        context.write(data, promise: promise)
    }
}
