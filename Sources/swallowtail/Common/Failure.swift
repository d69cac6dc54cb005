/// Why a command did not do what it was asked. Empty if it has been told already.
struct Failure: Error {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}
