import Testing

@testable import XMPPModules

/// What a message waits for that may have to queue behind kept ones.
@Suite struct BacklogTests {
    @Test func aHandOverThatEndsAtOnceIsHeard() async {
        let backlog = Backlog()
        // The account has gone: the hand-over finds nobody.
        #expect(await backlog.decided(beginning: { backlog.interrupted() }) == .unknown)
        #expect(await backlog.decided(beginning: { backlog.foundSome() }) == .busy)
    }

    @Test func whatIsKnownIsNotWaitedFor() async {
        let backlog = Backlog()
        backlog.foundNone(since: backlog.mark)
        var isBegun = false
        #expect(await backlog.decided(beginning: { isBegun = true }) == .none)
        #expect(!isBegun && !backlog.isAwaited)
    }

    @Test func whoeverWaitsIsSeenUntilThereIsAnAnswer() async {
        let backlog = Backlog()
        var wasAwaited = false
        _ = await backlog.decided(beginning: {
            wasAwaited = backlog.isAwaited
            backlog.interrupted()
        })
        #expect(wasAwaited && !backlog.isAwaited)
    }
}
