// The few types of the modules below that stand in this one's face: who builds or serves a model says `import Model`,
// and has no arrow of its own to Ranking and Retrieval.
@_exported public import struct Ranking.RankingWeights
@_exported public import enum Retrieval.Effort
@_exported public import enum Retrieval.Metric
