import Testing

@testable import XMPPServer

@Suite(.timeLimit(.minutes(10))) struct JourneyCountTests {
    @Test func nothingUnderWay() async {
        await JourneyCount().ended()
    }

    @Test func everybodyIsToldWhenTheLastOneArrives() async {
        let count = JourneyCount()
        for _ in 0..<3 { count.began() }
        async let first: Void = count.ended()
        async let second: Void = count.ended()
        for _ in 0..<3 { count.arrived() }
        _ = await (first, second)
        await count.ended()
    }
}
