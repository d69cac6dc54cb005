import NIOCore
import NIOEmbedded
import Testing
import XML

@testable import XMPPStream

/// The promises of a session under whatever a network does to its requests: each that comes is answered within `wait`, what
/// they say reaches the stream in order and once, and a session that nobody asks for ends.
@Suite struct BOSHSessionTests {
    /// Says what it is told; hears what the client says.
    private final class Stream: ChannelInboundHandler, ChannelOutboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        var heard: [String] = []
        var isPaused = false { didSet { if !isPaused, isReadWanted { context?.read() } } }
        private(set) var isClosed = false
        private var isReadWanted = false
        private var context: ChannelHandlerContext?

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }
        func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard String(buffer: unwrapInboundIn(data)).contains("<open ") else { return }
            say("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' id='s' from='localhost'/>")
            say("<features/>")
        }

        func read(context: ChannelHandlerContext) {
            isReadWanted = isPaused
            if !isPaused { context.read() }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            switch event {
            case let enclosed as ElementFraming.Enclosed: heard.append(String(buffer: enclosed.bytes))
            case ChannelEvent.inputClosed: context.close(promise: nil)
            default: break
            }
        }

        func channelInactive(context: ChannelHandlerContext) { isClosed = true }

        /// The numbers of the requests that were heard.
        var numbers: [Int] { heard.compactMap { $0.firstMatch(of: #/ n=.(\d+)/#).flatMap { Int($0.output.1) } } }

        func say(_ text: String) {
            context?.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        }
    }

    /// A session with the stream behind it, and the time of both.
    private final class World {
        struct Sent {
            let number: Int
            let at: Int
            let answer: EventLoopFuture<ByteBuffer>
            var isAnswered = false
        }

        let loop = EmbeddedEventLoop()
        let stream = Stream()
        let session: BOSHSession
        private(set) var isEnded = false
        private(set) var now = 0
        private(set) var sent: [Sent] = []

        init(_ attributes: String = "hold='1' wait='10'") throws {
            let channel = BOSHChannel(eventLoop: loop, remoteAddress: nil)
            let first = try Self.body("rid='1' to='localhost' \(attributes)")
            let ending = NIOLoopBoundBox(false, eventLoop: loop)
            session = BOSHSession(first, on: channel) { _ in ending.value = true }
            self.ending = ending
            channel.owner = session
            try channel.pipeline.syncOperations.addHandler(stream)
            take(first)
        }

        private let ending: NIOLoopBoundBox<Bool>
        var hasEnded: Bool { ending.value }

        static func body(_ attributes: String, _ content: String = "") throws -> BOSHBody {
            try BOSHBody(
                parsing: ByteBuffer(
                    string: "<body xmlns='http://jabber.org/protocol/httpbind' \(attributes)>\(content)</body>"),
                limits: XMLLimits(stanzaBytes: 65_536))
        }

        func send(_ number: Int, _ content: String? = nil) throws {
            take(try Self.body("sid='\(session.id)' rid='\(number)'", content ?? "<m n='\(number)'/>"))
        }

        private func take(_ body: BOSHBody) {
            let answer = loop.makePromise(of: ByteBuffer.self)
            let index = sent.count
            sent.append(Sent(number: body.requestID, at: now, answer: answer.futureResult))
            answer.futureResult.whenComplete { _ in self.sent[index].isAnswered = true }
            session.take(body, answer)
            loop.run()
        }

        func pass(_ seconds: Int) {
            for _ in 0..<seconds {
                now += 1
                loop.advanceTime(by: .seconds(1))
            }
        }

        var open: [Sent] { sent.filter { !$0.isAnswered } }
        func answers() throws -> [String] { try sent.filter(\.isAnswered).map { String(buffer: try $0.answer.wait()) } }
    }

    @Test func aRequestWhosePredecessorNeverComesIsAnsweredAndTheSessionEnds() throws {
        let world = try World("hold='1' wait='3'")
        try world.send(3)
        #expect(world.open.count == 1)
        world.pass(3)
        #expect(world.open.isEmpty && !world.hasEnded)
        world.pass(BOSHSession.inactivity)
        #expect(world.hasEnded && world.stream.isClosed && world.stream.heard.isEmpty)
    }

    @Test func aPredecessorThatComesLateIsGoodAllTheSame() throws {
        let world = try World("hold='1' wait='3'")
        try world.send(3)
        world.pass(4)
        try world.send(2)
        #expect(world.stream.numbers == [2, 3])
        world.pass(3)
        #expect(world.open.isEmpty)
    }

    @Test func anEarlyRequestMayBeRepeated() throws {
        let world = try World()
        try world.send(3)
        try world.send(3)
        #expect(world.open.count == 1)
        try world.send(2)
        #expect(!world.hasEnded && world.stream.heard.count == 2)
    }

    @Test func aPausedStreamKeepsNobodyWaiting() throws {
        let world = try World("hold='1' wait='3'")
        world.stream.isPaused = true
        try world.send(2)
        try world.send(3)
        world.pass(3)
        #expect(world.open.isEmpty)
        world.stream.isPaused = false
        #expect(world.stream.heard.count == 2)
    }

    @Test func whoAsksNothingMoreIsForgottenWhateverWasAskedLast() throws {
        for last in ["<m/>", ""] {
            for hold in [0, 1] {
                let world = try World("hold='\(hold)' wait='5'")
                try world.send(2, last)
                world.pass(5 + BOSHSession.inactivity)
                #expect(world.hasEnded && world.stream.isClosed && world.open.isEmpty, "hold \(hold)")
            }
        }
    }

    @Test(arguments: 1...200)
    func whateverANetworkDoesEveryRequestIsAnsweredAndTheSessionEnds(seed: Int) throws {
        var dice = Dice(seed: UInt64(seed))
        let world = try World()
        var received: Set<Int> = [1]
        var next: Int { (2...).first { !received.contains($0) } ?? 2 }
        for _ in 0..<100 where !world.hasEnded {
            switch dice.roll(8) {
            case 0, 1:
                let number = next
                try world.send(number)
                received.insert(number)
            case 2:
                let number = next + 1
                guard !received.contains(number) else { continue }
                try world.send(number)
                received.insert(number)
            case 3:
                // The answer was lost, or the connection with the request.
                guard let last = world.sent.dropFirst().suffix(2).first else { continue }
                try world.send(last.number)
            case 4:
                world.stream.say("<m/>")
            case 5:
                world.stream.isPaused.toggle()
            default:
                world.pass(dice.roll(9))
            }
            #expect(world.open.allSatisfy { world.now - $0.at <= 10 })
        }
        world.stream.isPaused = false
        world.pass(10)
        #expect(world.open.isEmpty)
        // Of a session that has ended meanwhile, the stream has not heard the last ones.
        let numbers = world.stream.numbers
        #expect(numbers == Array((2..<next).prefix(numbers.count)) && (world.hasEnded || numbers.count == next - 2))
        world.pass(BOSHSession.inactivity)
        #expect(world.hasEnded && world.stream.isClosed)
    }

    @Test func theEndOfTheServerIsTold() throws {
        let world = try World()
        try world.send(2, "")
        try world.send(4)
        world.session.shutDown()
        #expect(world.open.isEmpty && world.stream.isClosed)
        #expect(try world.answers().suffix(1).allSatisfy { $0.contains("type=\"terminate\"") })
    }
}

/// Throws that are the same for the same seed.
private struct Dice {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15
    }

    /// - Returns: a number below `sides`.
    mutating func roll(_ sides: Int) -> Int {
        // SplitMix64.
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((bits ^ (bits >> 31)) % UInt64(sides))
    }
}
