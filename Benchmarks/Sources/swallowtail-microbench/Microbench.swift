import ArgumentParser
import FoundationEssentials

@main
struct Microbench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swallowtail-microbench",
        abstract: "Measures parts of the server one by one.",
        discussion: """
            Tells the time and the allocations of one operation. With --thresholds it ends with 1 if one of them is over \
            its threshold: allocations must not be more at all, time not more than the factor in that file.
            """)

    @Option(help: "Only those whose names begin so, separated by commas.") var only = ""
    @Option(help: "Seconds for each.") var seconds = 0.5
    @Option(help: "A file of thresholds to compare with.") var thresholds: String?
    @Flag(help: "Write what was measured into that file.") var update = false

    func run() async throws {
        let beginnings = only.split(separator: ",")
        var results: [Measurement] = []
        for benchmark in Benchmark.all
        where beginnings.isEmpty || beginnings.contains(where: { benchmark.name.hasPrefix($0) }) {
            let measurement = try await benchmark.measure(seconds: seconds)
            print(measurement.line)
            results.append(measurement)
        }
        guard let thresholds else { return }
        if update {
            try Thresholds(results).write(to: thresholds)
        } else {
            let violations = try Thresholds(file: thresholds).violations(results, isComplete: beginnings.isEmpty)
            for violation in violations { print(violation) }
            if !violations.isEmpty {
                print(
                    "Say in the commit why, and write the thresholds anew with `make bench-thresholds`, or find what costs more."
                )
                throw ExitCode.failure
            }
        }
    }
}
