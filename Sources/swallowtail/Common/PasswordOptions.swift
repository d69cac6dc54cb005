import ArgumentParser
import Foundation

/// The source of a password.
struct PasswordOptions: ParsableArguments {
    @Option(help: "The password; without it, the first line of standard input. Others on this machine may see it.")
    var password: String?

    /// How long to wait for input or its end on standard input when a password is optional, in milliseconds.
    private static let patience: CInt = 10_000

    @Flag(help: "Let the account have no password.")
    var noPassword = false

    func validate() throws {
        guard password == nil || !noPassword else {
            throw ValidationError("Say either --password or --no-password.")
        }
    }

    /// The password, read from standard input if necessary; nil: the account is to have none.
    func read() throws -> String? {
        if noPassword { return nil }
        if let password { return password }
        let line = isatty(STDIN_FILENO) == 1 ? Self.ask() : readLine()
        guard let line, !line.isEmpty else {
            throw Failure("there is no password on standard input; say --password, or --no-password")
        }
        return line
    }

    /// An optional password: one on standard input is used, and nobody is asked.
    ///
    /// - Throws: ``Failure`` if standard input neither has data nor ends. A guess could silently leave the account
    ///   without a password.
    func readIfGiven() throws -> String? {
        if noPassword { return nil }
        if let password { return password }
        guard isatty(STDIN_FILENO) == 0 else { return nil }
        var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard poll(&input, 1, Self.patience) == 1 else {
            throw Failure("standard input is open and says nothing; say --password, or --no-password")
        }
        return readLine().flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Asks on the terminal, without echo.
    private static func ask() -> String? {
        FileHandle.standardError.write(Data("Password: ".utf8))
        var terminal = termios()
        tcgetattr(STDIN_FILENO, &terminal)
        let shown = terminal
        terminal.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal)
        defer {
            var shown = shown
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown)
            FileHandle.standardError.write(Data("\n".utf8))
        }
        return readLine()
    }
}
