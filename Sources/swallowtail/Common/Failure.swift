/// The failure of a command. Empty if it has been reported already.
struct Failure: Error {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}
