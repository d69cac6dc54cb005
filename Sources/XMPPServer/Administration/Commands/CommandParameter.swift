import Foundation
import XMPP

/// A parameter of a command: its name, kind and meaning.
public struct CommandParameter: Sendable {
    /// The kinds of values.
    public enum Kind: Sendable {
        case text
        case texts
        /// A text that is neither shown nor logged.
        case secret
        case integer(ClosedRange<Int>)
        case boolean
        case choice([String])
        /// A time such as `7d`, or seconds.
        case duration(allowsNever: Bool)
        /// An account: its address, its account id, or the first part of its address.
        case account
        case accounts
        /// A domain that is served.
        case host
        /// A file's bytes: in JSON, as Base64.
        case file
    }

    /// The name in JSON, in kebab case.
    public let name: String
    /// One sentence for people.
    public let help: String
    public let kind: Kind
    public var isRequired: Bool
    /// The default as it would be written; nil: there is none.
    public var standard: String?
    /// The name in forms, if it differs.
    public var field: String?
    /// The form field in which a secret is repeated.
    public var verification: String?
    /// Whether a form asks for it on a second page.
    public var isFurther = false
    /// The initial value in a form; nil: the default.
    public var present: (@Sendable (Administration) async throws -> [String])?

    /// The name in forms.
    public var formName: String { field ?? name }
}

/// A parameter that gives a command a `Value`.
public struct Parameter<Value: Sendable>: Sendable {
    /// Reads the value; nil: it was not given.
    typealias Reading = @Sendable (CommandValue?, CommandCall) async throws -> Value

    var description: CommandParameter
    private let reading: Reading

    init(_ description: CommandParameter, _ reading: @escaping Reading) {
        self.description = description
        self.reading = reading
    }

    private init(
        _ name: String, _ kind: CommandParameter.Kind, field: String?, _ help: String,
        reading: @escaping @Sendable (CommandValue, CommandCall) async throws -> Value
    ) {
        self.init(CommandParameter(name: name, help: help, kind: kind, isRequired: true, field: field)) {
            value, call in
            guard let value else { throw AdministrationError("say \(name): \(help)") }
            return try await reading(value, call)
        }
    }

    /// The parameter's value in a call.
    ///
    /// - Throws: `AdministrationError` that names the parameter.
    func value(_ call: CommandCall) async throws -> Value {
        let given = call.arguments[description.name]
        do {
            return try await reading(given == .null ? nil : given, call)
        } catch let error as Unfit {
            throw AdministrationError("\(description.name) is to be \(error.wanted)", at: description.name)
        } catch var error as AdministrationError {
            error.parameter = description.name
            throw error
        }
    }

    /// The same parameter on the second page of a form.
    public var further: Self {
        var parameter = self
        parameter.description.isFurther = true
        return parameter
    }

    /// The same parameter with an initial value in a form.
    func showing(_ present: @escaping @Sendable (Administration) async throws -> [String]) -> Self {
        var parameter = self
        parameter.description.present = present
        return parameter
    }

    private static func unfit(_ wanted: String) -> Unfit { Unfit(wanted: wanted) }

    private static func text(_ value: CommandValue) throws -> String {
        guard let text = value.text else { throw unfit("a text") }
        return text
    }

    private static func texts(_ value: CommandValue) throws -> [String] {
        switch value {
        case .text(let text): return [text]
        case .list(let values): return try values.map(text)
        default: throw unfit("a list of texts")
        }
    }
}

/// A value of the wrong kind.
private struct Unfit: Error {
    let wanted: String
}

// MARK: - Kinds

extension Parameter where Value == String {
    /// A text.
    ///
    /// - Parameters:
    ///   - field: its name in forms, if it differs.
    ///   - kind: its type in forms.
    public static func text(
        _ name: String, _ help: String, field: String? = nil, kind: CommandParameter.Kind = .text
    ) -> Self {
        Self(name, kind, field: field, help) { value, _ in try text(value) }
    }

    /// A text that is neither shown nor logged.
    ///
    /// - Parameter verification: the form field in which it is repeated.
    public static func secret(
        _ name: String, _ help: String, field: String? = nil, verification: String? = nil
    ) -> Self {
        var parameter = Self(name, .secret, field: field, help) { value, _ in try text(value) }
        parameter.description.verification = verification
        return parameter
    }

    /// One of several words.
    public static func choice(
        _ name: String, of words: [String], default standard: String, _ help: String, field: String? = nil
    ) -> Self {
        let described = CommandParameter(
            name: name, help: help, kind: .choice(words), isRequired: false, standard: standard, field: field)
        return Self(described) { value, _ in
            let text = try value.map(text) ?? standard
            guard words.contains(text) else { throw unfit("one of \(words.joined(separator: ", "))") }
            return text
        }
    }
}

extension Parameter where Value == [String] {
    /// Any number of texts, including none.
    public static func texts(_ name: String, _ help: String, field: String? = nil) -> Self {
        let described = CommandParameter(name: name, help: help, kind: .texts, isRequired: false, field: field)
        return Self(described) { value, _ in try value.map(texts) ?? [] }
    }
}

extension Parameter where Value == Bool {
    /// A boolean.
    public static func boolean(
        _ name: String, default standard: Bool, _ help: String, field: String? = nil
    ) -> Self {
        let described = CommandParameter(
            name: name, help: help, kind: .boolean, isRequired: false, standard: standard ? "true" : "false",
            field: field)
        return Self(described) { value, _ in try value.map(boolean) ?? standard }
    }

    /// A boolean without a default.
    public static func boolean(_ name: String, _ help: String, field: String? = nil) -> Self {
        Self(name, .boolean, field: field, help) { value, _ in try boolean(value) }
    }

    /// Forms transmit it as text.
    private static func boolean(_ value: CommandValue) throws -> Bool {
        switch value {
        case .boolean(let value): return value
        case .text("true"), .text("1"), .text("on"): return true
        case .text("false"), .text("0"), .text("off"): return false
        default: throw unfit("true or false")
        }
    }
}

extension Parameter where Value == Int {
    /// A number within a range.
    public static func integer(
        _ name: String, default standard: Int, in range: ClosedRange<Int>, _ help: String, field: String? = nil
    ) -> Self {
        let described = CommandParameter(
            name: name, help: help, kind: .integer(range), isRequired: false, standard: "\(standard)", field: field)
        return Self(described) { value, _ in
            guard let value else { return standard }
            guard let number = number(value).map({ Int($0) }), range.contains(number) else {
                throw unfit("a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }

    /// A time in seconds, written like `7d`.
    public static func duration(
        _ name: String, default standard: Int, in range: ClosedRange<Int>, _ help: String, field: String? = nil
    ) -> Self {
        let kind = CommandParameter.Kind.duration(allowsNever: false)
        let described = CommandParameter(
            name: name, help: help, kind: kind, isRequired: false, standard: Duration.seconds(standard).text,
            field: field)
        return Self(described) { value, _ in
            guard let value else { return standard }
            guard let seconds = seconds(value).map({ Int($0) }), range.contains(seconds) else {
                let bounds = [range.lowerBound, range.upperBound].map { Duration.seconds($0).text }
                throw unfit("a time from \(bounds[0]) to \(bounds[1])")
            }
            return seconds
        }
    }
}

extension Parameter where Value == Int64? {
    /// A time in seconds, written like `7d`; nil for `never`.
    public static func lifetime(_ name: String, default standard: Int64, _ help: String) -> Self {
        let described = CommandParameter(
            name: name, help: help, kind: .duration(allowsNever: true), isRequired: false,
            standard: Duration.seconds(standard).text)
        return Self(described) { value, _ in
            if value == "never" { return nil }
            guard let value else { return standard }
            guard let seconds = seconds(value), seconds > 0 else { throw unfit("a time such as 30d, or never") }
            return seconds
        }
    }
}

private func number(_ value: CommandValue) -> Int64? {
    switch value {
    case .integer(let number): number
    case .text(let text): Int64(text)
    default: nil
    }
}

private func seconds(_ value: CommandValue) -> Int64? {
    number(value) ?? value.text.flatMap { Duration(text: $0) }.map(\.components.seconds)
}

extension Parameter where Value == Account {
    /// An account that the caller may manage.
    public static func account(_ name: String, _ help: String, field: String? = nil) -> Self {
        Self(name, .account, field: field, help) { value, call in
            try await call.administration.account(AccountName(text(value), host: call.hostName))
        }
    }
}

extension Parameter where Value == AccountName {
    /// The name of an account that the command looks up itself.
    static func accountName(_ name: String, _ help: String, field: String? = nil) -> Self {
        Self(name, .account, field: field, help) { value, call in AccountName(try text(value), host: call.hostName) }
    }
}

extension Parameter where Value == [Account] {
    /// One or more accounts that the caller may manage.
    public static func accounts(_ name: String, _ help: String, field: String? = nil) -> Self {
        Self(name, .accounts, field: field, help) { value, call in
            let names = try texts(value)
            guard !names.isEmpty else { throw unfit("at least one account") }
            var accounts: [Account] = []
            for name in names {
                accounts.append(try await call.administration.account(AccountName(name, host: call.hostName)))
            }
            return accounts
        }
    }
}

extension Parameter where Value == [String] {
    /// Addresses of accounts or sessions that the command looks up itself.
    static func addresses(_ name: String, _ help: String, field: String? = nil) -> Self {
        Self(name, .accounts, field: field, help) { value, _ in
            let addresses = try texts(value)
            guard !addresses.isEmpty else { throw unfit("at least one address") }
            return addresses
        }
    }
}

extension Parameter where Value == HostConfiguration {
    /// A host that the caller may manage; without an argument the only one.
    public static func host(_ help: String) -> Self {
        let described = CommandParameter(name: CommandCall.host, help: help, kind: .host, isRequired: false)
        return Self(described) { value, call in try call.administration.host(value.map(text)) }
    }
}

extension Parameter where Value == String? {
    /// A host that the caller may manage; nil without an argument.
    public static func anyHost(_ help: String) -> Self {
        let described = CommandParameter(name: CommandCall.host, help: help, kind: .host, isRequired: false)
        return Self(described) { value, call in
            guard let value else { return nil }
            return try call.administration.host(text(value)).domain
        }
    }
}

extension Parameter where Value == Data {
    /// A file's bytes.
    public static func file(_ name: String, _ help: String) -> Self {
        Self(name, .file, field: nil, help) { value, _ in
            guard let bytes = Base64.decode(try text(value)) else { throw unfit("Base64") }
            return Data(bytes)
        }
    }
}

extension Parameter {
    /// The same as an optional parameter: nil if it is left out.
    public static func optional<Wrapped>(_ parameter: Parameter<Wrapped>) -> Self where Value == Wrapped? {
        var described = parameter.description
        described.isRequired = false
        return Self(described) { value, call in
            guard value != nil else { return nil }
            return try await parameter.reading(value, call)
        }
    }
}
