import TestKit
import Testing
import XMPP

@testable import XMPPServer

/// What waits for groups of changes, against a model that knows of each group whether it has ended.
@Suite("What a session waits for until it is durable") struct SessionDurabilityTests {
    private final class Ripe {
        var numbers: [Int] = []
    }

    private struct Model {
        var random: SeededGenerator
        var durability = SessionDurability()
        /// The groups under way, with their place among all.
        var underWay: [(place: Int, group: SessionDurability.Group, holdsAnswers: Bool)] = []
        var groupCount = 0
        /// What waits, by its number: for all groups before that place.
        var waiting: [(number: Int, place: Int)] = []
        let ripe = Ripe()
        /// The last count that is known to be stored.
        var stored: UInt32?

        init(seed: UInt64) {
            random = SeededGenerator(seed)
            durability.count(from: 0, .random(time: .seconds(60)))
            stored = 0
        }

        mutating func step() {
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                let holdsAnswers = Bool.random(using: &random)
                underWay.append((groupCount, durability.began(holdsAnswers: holdsAnswers), holdsAnswers))
                groupCount += 1
            case 2, 3:
                end()
            case 4:
                let number = waiting.count
                waiting.append((number, groupCount))
                durability.wait { [ripe] in ripe.numbers.append(number) }
                goOn()
            default:
                durability.handled &+= 1
                // What has been stored is not stored again.
                if case .setHandled(_, let count) = durability.countToStore(durability.handled) { stored = count }
                #expect(stored == durability.handled)
                let again = durability.countToStore(durability.handled)
                #expect(again == nil)
            }
            check()
        }

        mutating func end() {
            guard let index = underWay.indices.randomElement(using: &random) else { return }
            let isStored = Bool.random(using: &random)
            durability.ended(underWay.remove(at: index).group, isStored: isStored)
            if !isStored { stored = nil }
            goOn()
        }

        private mutating func goOn() {
            while let body = durability.next() { body() }
        }

        func check() {
            let first = underWay.map(\.place).min() ?? groupCount
            // Whatever has waited for groups that have all ended has gone on, in order; nothing else has.
            #expect(ripe.numbers == waiting.prefix { $0.place <= first }.map(\.number))
            #expect(durability.isSettled == underWay.isEmpty)
            let holding = underWay.count { $0.holdsAnswers }
            #expect(durability.holds(.iq) == (holding > 0) && durability.holds(.presence) == (holding > 0))
            #expect(durability.holds(.message) == (holding >= SessionDurability.maximumHolding))
        }
    }

    @Test("Groups end in any order, and fail: what waits goes on when all before it have ended, in order, and once")
    func schedules() {
        for seed in 1...300 as ClosedRange<UInt64> {
            var model = Model(seed: seed)
            for _ in 0..<Int(seed) { model.step() }
            while !model.underWay.isEmpty {
                model.end()
                model.check()
            }
            #expect(model.ripe.numbers == model.waiting.map(\.number))
        }
    }

    @Test("Messages follow each other, but not without end") func manyMessages() {
        var durability = SessionDurability()
        let groups = (0..<SessionDurability.maximumHolding).map { _ in durability.began(holdsAnswers: true) }
        #expect(durability.holds(.message))
        if let last = groups.last { durability.ended(last, isStored: true) }
        #expect(!durability.holds(.message) && durability.holds(.iq))
    }
}
