/// The word that was probably meant by `word`; nil if none of `candidates` is similar.
package func nearestWord(to word: String, among candidates: [String]) -> String? {
    let bound = max(1, min(3, word.count / 2))
    var nearest: (word: String, distance: Int)?
    for candidate in candidates {
        let distance = editDistance(word.lowercased(), candidate.lowercased())
        if distance <= bound, distance < nearest?.distance ?? .max {
            nearest = (candidate, distance)
        }
    }
    return nearest?.word
}

/// The number of single-character insertions, deletions, replacements and swaps of neighbours that turn one word
/// into the other (optimal string alignment).
func editDistance(_ first: String, _ second: String) -> Int {
    let first = Array(first)
    let second = Array(second)
    guard !first.isEmpty, !second.isEmpty else { return max(first.count, second.count) }
    var beforeLast: [Int] = []
    var last = Array(0...second.count)
    for row in 1...first.count {
        var current = [row]
        for column in 1...second.count {
            let replaced = last[column - 1] + (first[row - 1] == second[column - 1] ? 0 : 1)
            var best = min(last[column] + 1, current[column - 1] + 1, replaced)
            if row > 1, column > 1, first[row - 1] == second[column - 2], first[row - 2] == second[column - 1] {
                best = min(best, beforeLast[column - 2] + 1)
            }
            current.append(best)
        }
        (beforeLast, last) = (last, current)
    }
    return last[second.count]
}
