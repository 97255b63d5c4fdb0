//! Every threshold of the findings, once, with where it comes from.

macro_rules! thresholds {
    ($($name:ident: $value:literal, $means:literal, $source:literal;)*) => {
        $(#[doc = $means] pub const $name: f64 = $value;)*

        /// Name, value, meaning and source of each threshold.
        pub const TABLE: &[(&str, f64, &str, &str)] = &[$((stringify!($name), $value, $means, $source),)*];
    };
}

thresholds! {
    LEARNS: 0.2,
        "Share of a constant prediction's cost that a run has to remove on rows it did not train on; where it does, a gradient finding is a note.",
        "own; what AUTOTRAINER (Zhang et al. 2021) has its threshold Θ of the accuracy for";
    IN_A_ROW: 3.0,
        "Looks in a row that must show a problem in a layer.",
        "own; SageMaker Debugger's rules wait for a patience of their own";
    VANISHED: 1e-3,
        "‖δ‖ of the first layer over ‖∂C/∂a‖ of the last hidden one, below which the gradient counts as vanished.",
        "AUTOTRAINER, β₁ = 10⁻³ for the ratio of the first layer's gradient to the last one's";
    EXPLODED: 70.0,
        "‖δ‖ of the first layer over that of the last, above which it counts as exploded.",
        "AUTOTRAINER, β₃ = 70";
    DEAD: 0.7,
        "Share of a layer's units that are off in every row.",
        "AUTOTRAINER, γ = 0.7 of the gradients of a ReLU layer 0; SageMaker Debugger, DeadRelu: 0.5";
    SATURATED_UNITS: 0.7,
        "Share of a layer's activations where f' is below 5 % of its largest value.",
        "Glorot & Bengio 2010 §3 for what is saturated; the share is that of dead units";
    TWINS: 0.5,
        "Share of a layer's units whose incoming weights are those of their neighbour.",
        "own: two equal units have equal gradients, and stay equal";
    SCALE: 2.5,
        "Factor by which ‖w‖ may differ at the start from that of the layer's own initialiser.",
        "own: He's, Glorot's, LeCun's and orthogonal starts differ by less than 2 from each other; a factor multiplies the signal in each layer";
    INPUT_SIZE: 10.0,
        "Root mean square of a column as it enters the network.",
        "UMLAUT (Schoop et al. 2021) asks for inputs within −1 and 1; standardised columns have 1, heavy tails a few";
    OUT_OF_REACH: 0.05,
        "Share of the training targets that the output's activation cannot reach.",
        "own";
    LEAK: 0.98,
        "Share of a constant prediction's error that a single column removes by itself, on rows that its table was not made of.",
        "own; the best single columns of the data sets of cargo xtask faults remove 0.13 (MNIST) to 0.87 (diamonds)";
    RARE: 0.03,
        "Share of the rarest class.",
        "SageMaker Debugger, ClassImbalance, warns at a ratio of 10 of the classes' sizes; this is one of 30";
    LEAP: 0.2,
        "‖Δw‖ of a step among the first 128, in the ‖w‖ that the layer's own initialiser draws, above which steps are long.",
        "CS231n (Karpathy 2015): about 10⁻³ is healthy; two hundred times that";
    GROWTH: 5.0,
        "‖w‖ during training, in the ‖w‖ that the layer's own initialiser draws (or it began with), above which steps have added up.",
        "own: the weights of the clean runs of the tuning half grow to 5.7 times at most, of runs that learn and so are no alarm";
    WORSE: 2.0,
        "Mean cost of an epoch, in costs of a constant prediction, above which training made things worse.",
        "own";
    TRAVEL: 0.3,
        "Mean ‖Δw‖ times the steps taken, in the ‖w‖ that the layer's own initialiser draws: how far the weights can have gone.",
        "own: a network that learns goes about its own length";
    REVERSALS: 0.4,
        "Share of the epochs in which the cost turns from falling to rising or back.",
        "AUTOTRAINER counts turns over a window; of a random walk half of the epochs turn";
    SWING: 0.05,
        "Mean change of the cost from epoch to epoch, as a share of its level, above which turns count.",
        "AUTOTRAINER, ζ = 0.03 of the accuracy";
    FLAT: 0.01,
        "Change of the cost over the second half of the epochs, as a share of a constant prediction's cost, below which it is flat.",
        "AUTOTRAINER, δ = 0.01 for slow convergence";
    GAP: 0.25,
        "Difference of what is removed of a constant prediction's cost on training rows and on others.",
        "own: the clean runs of the tuning half have at most 0.22; SageMaker Debugger, Overfit, warns at a relative difference of 0.1";
    UNLEARNT: 0.1,
        "Share of a constant prediction's cost removed on the training rows, below which nothing was learnt.",
        "own";
    SPREAD: 0.02,
        "Standard deviation of the predictions in that of the targets, below which they are constant.",
        "own";
    MEMORISED: 0.01,
        "Share of a constant prediction's cost removed on the training rows while they were trained on, above which the network does learn them.",
        "own: what a network that learns by heart has to show, to tell it from one that learns nothing";
    CHANCE: 0.05,
        "Level of the permutation test, above which validation is no better than with shuffled targets; the share of permutations is taken times the epochs that the best was chosen from (Bonferroni).",
        "the usual level of a test; 999 permutations (Ojala & Garriga 2010)";
}
