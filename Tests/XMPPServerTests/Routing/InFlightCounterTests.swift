import Testing

@testable import XMPPServer

@Suite(.timeLimit(.minutes(10))) struct JourneyCountTests {
    @Test func nothingUnderWay() async {
        await InFlightCounter().drained()
    }

    @Test func everybodyIsToldWhenTheLastOneArrives() async {
        let count = InFlightCounter()
        for _ in 0..<3 { count.begin() }
        async let first: Void = count.drained()
        async let second: Void = count.drained()
        for _ in 0..<3 { count.end() }
        _ = await (first, second)
        await count.drained()
    }
}
