export const lesson = {
  title: 'Lesson',
  heading: 'Backpropagation in eight steps',
  progress: (step: string, of: string) => `Step ${step} of ${of}`,
  previous: 'Previous',
  next: 'Next',
  keys: 'Arrow keys ← → go from step to step.',
  formula: 'Formula',
  values: 'The numbers of the moment',
  row: 'Row',
  inPlayground: 'Open this in the playground',
  task: 'Try it',
  done: 'Done.',
  run: 'Run',
  pause: 'Pause',
  restart: 'Restart',
  sweep: 'Move w₁ from end to end',
  phase: 'One phase',
  nextIs: (phase: string) => `next: ${phase}`,
  accuracy: 'Accuracy',
  meanCost: 'Mean cost',
  epoch: 'Epoch',
  depth: 'Hidden layers',
  activation: 'Activation',
  initializer: 'Start of the weights',
  auto: 'as the activation asks for',
  zeros: 'all zero',
  byEngine: 'The engine says',
  rateOf: (which: string) => `Learning rate ${which}`,
  when: 'When',
  how: 'How far',
  batchOf: { '1': 'after each row', '16': 'after 16 rows', all: 'after all rows' } as Record<string, string>,
  small: 'too small',
  right: 'right',
  great: 'too large',
  alone: 'One unit',
  withHidden: 'With a hidden layer of 4',
  plane: 'What the network says over the plane, and the rows',
  firstShare: 'Arrives at the first layer',
  factors: 'What each layer multiplies δ by',
  factorsHint: (row: string) =>
    `The two factors of row ${row}, from the engine’s own δ: the weights between the layers, and the slope f′. The slope alone is never more than ¼.`,
  numbersOf: (name: string) => `The numbers, and the link to the playground, are of the network “${name}”.`,
  unitOf: 'Unit j of the hidden layer',
  firstUnit: (row: string) =>
    `Of the network on the right: the first unit of its first hidden layer, for row ${row}, and the variance that this layer’s weights are drawn with.`,
  steps: [
    {
      title: 'A perceptron, and the forward pass',
      text: [
        'A unit weighs its inputs: it multiplies each by a weight, adds them up, adds a bias, and bends the sum by an activation function. The sum is called z, the outcome a; of the last unit it is the prediction ŷ.',
        'Here it is a sigmoid, which makes any number one between 0 and 1. Where z is 0 it says ½: in the plane of two inputs that is a straight line. Choose a point to see its numbers.',
      ],
      task: 'Move the three sliders until at least 170 of the 200 rows are on the right side of the line.',
    },
    {
      title: 'The cost',
      text: [
        'How wrong is a prediction? The cost says it in one number: half the squared distance from the target y. Half, since its derivative is then simply ŷ − y. Of many rows it is the mean.',
        'Learning means: make this number small. It depends on the weights alone, since the rows stay as they are. Move w₁ from end to end to see the cost as a function of it: a valley.',
      ],
      task: 'Bring the mean cost below 0.06.',
    },
    {
      title: 'The chain rule for one weight',
      text: [
        'What does the cost do when w₁ grows a little? w₁ changes z, z changes ŷ, ŷ changes C: the derivative is the product of three. The first is the input x₁, the second is the sigmoid’s slope, the third is how far off the prediction is.',
        'The slope needs no new exponential: it is ŷ(1 − ŷ), plain arithmetic on what the forward pass has stored. The last two together are δ, how the cost feels a change of z. Go through a step phase by phase, and see the numbers appear.',
      ],
      task: 'Go on to the update: w₁ moves by −η times this gradient.',
    },
    {
      title: 'The update: when, and how far',
      text: [
        'Each weight takes a step against its gradient: w ← w − η ∂C/∂w. Two choices remain. When: after each row the steps are many and rough, after all rows they are few and smooth, a mini-batch is between both, and is what is used most.',
        'How far: with a learning rate η too small nothing gets anywhere; too large, steps leap over the valley and the cost rises. No formula says what is right. It is tried.',
      ],
      task: 'Find a learning rate at which the cost gets worse than it was at the start.',
    },
    {
      title: 'XOR, and why there are hidden layers',
      text: [
        'Exclusive or is 1 where the inputs differ. No straight line parts those two corners from the others: a single unit cannot do it, whatever its weights.',
        'Units between can. Each draws a line of its own, and the last one weighs what they say. Train both, and look at what they say over the plane.',
      ],
      task: 'Train until the network with a hidden layer has a mean cost below 0.02.',
    },
    {
      title: 'The recursion through many layers',
      text: [
        'A hidden unit has no target. But it feeds the layer after it, whose δ is known: its own δ is theirs, weighted by the weights between, times its own slope. So it goes from the last layer to the first, each using what the one after has left.',
        'That is all of backpropagation. One pass forward, one back, and every weight has its gradient: the activation before it times the δ after it.',
      ],
      task: 'Go through one step until the δ of the first hidden layer has appeared.',
    },
    {
      title: 'The sigmoid’s slope, and the gradient that vanishes',
      text: [
        'The sigmoid’s slope f(1 − f) is at most ¼, where f is ½. Each layer multiplies δ by it on the way back. Ten layers: at most one millionth of it, but for the weights.',
        'The bars show ‖δ‖ of each layer, measured before the first step, on an axis of powers of ten. Add layers, and see what arrives at the first one.',
      ],
      task: 'Find the depth at which less than a thousandth arrives at the first layer.',
    },
    {
      title: 'ReLU, the start of the weights, and what they mend',
      text: [
        'The slope of ReLU is 1 wherever a unit is on, and 0 where it is off: nothing is lost on the way but by the weights. These are drawn so that signals keep their size from layer to layer, by Glorot and Bengio’s rule for sigmoid and tanh, by He’s for ReLU.',
        'Both networks have eight hidden layers. Try the activations and the starts, and train them side by side. A start of zeros makes all units of a layer equal, and equal they stay.',
      ],
      task: 'Make the network on the right reach a cost of less than half of the left one’s.',
    },
  ],
};

export type LessonMessages = typeof lesson;
