// The images of two models, drawn anew: what `segbench compare` does with the same sums, by other random numbers.

const REPLICATES = 10000;
const SLICE = 250; // replicates between two looks at what the reader does
const TIE = 1e-12; // two exchanges that differ by rounding alone

// Whole numbers as segbench.report.pages.image_sums packs them.
function unpack(text) {
  const bytes = atob(text);
  const numbers = [];
  for (let i = 0, value = 0, scale = 1; i < bytes.length; i++) {
    const byte = bytes.charCodeAt(i);
    value += (byte & 127) * scale;
    scale *= 128;
    if (byte < 128) {
      numbers.push(value);
      [value, scale] = [0, 1];
    }
  }
  return Float64Array.from(numbers);
}

// Float64Array [3 C] for each image: hits, predicted and target pixels of the classes.
function imageSums(group, model) {
  if (!model.sums) return null;
  if (model.columns) return model.columns;
  group.targetPixels ??= unpack(group.targets);
  const [C, own] = [group.classes.length, unpack(model.sums)];
  model.columns = group.images.map((_, n) => {
    const column = new Float64Array(3 * C);
    for (let c = 0; c < C; c++) {
      column[c] = own[2 * (n * C + c)];
      column[C + c] = own[2 * (n * C + c) + 1];
      column[2 * C + c] = group.targetPixels[n * C + c];
    }
    return column;
  });
  return model.columns;
}

const ratio = (a, b) => (b ? a / b : NaN);
function mean(values) {
  const defined = values.filter((value) => !Number.isNaN(value));
  return ratio(defined.reduce((a, b) => a + b, 0), defined.length);
}

// What the sums of some images say: every metric that is made of them, by its name, and the IoU of each class. Means over classes hold
// those that the label space averages.
function scoresOf(sums, { classes, averaged }) {
  const C = classes.length;
  const over = (values) => mean(averaged.map((c) => values[c]));
  const [iou, recall, dice, precision] = [[], [], [], []];
  let [hits, pixels, weighted] = [0, 0, 0];
  for (let c = 0; c < C; c++) {
    const [hit, pred, target] = [sums[c], sums[C + c], sums[2 * C + c]];
    iou.push(ratio(hit, target + pred - hit));
    recall.push(ratio(hit, target));
    dice.push(ratio(2 * hit, target + pred));
    precision.push(ratio(hit, pred));
    hits += hit;
    pixels += target;
    if (target) weighted += iou[c] * target;
  }
  const metrics = { mIoU: over(iou), acc: ratio(hits, pixels), acc_cls: over(recall), fwIoU: ratio(weighted, pixels), Dice: over(dice), precision: over(precision) };
  return { metrics, iou };
}

// The mean IoU over the classes that an image holds.
function imageScore(column, C) {
  const present = [];
  for (let c = 0; c < C; c++) {
    if (column[2 * C + c]) present.push(ratio(column[c], column[2 * C + c] + column[C + c] - column[c]));
  }
  return mean(present);
}

const METRICS_OF_SUMS = Object.keys(scoresOf([1, 1, 1], { classes: [""], averaged: [0] }).metrics);
function differences(a, b, group) {
  const [x, y] = [scoresOf(a, group), scoresOf(b, group)];
  return [...METRICS_OF_SUMS.map((name) => x.metrics[name] - y.metrics[name]), ...x.iou.map((value, c) => value - y.iou[c])];
}

// Mulberry32: the same page gives the same numbers.
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

function add(sum, column) {
  for (let i = 0; i < sum.length; i++) sum[i] += column[i];
}

function total(columns) {
  const sum = new Float64Array(columns[0].length);
  for (const column of columns) add(sum, column);
  return sum;
}

function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = sorted[Math.min(below + 1, sorted.length - 1)];
  return sorted[below] + (above - sorted[below]) * (place - below);
}

function holm(values) {
  const order = values.map((_, i) => i).sort((i, j) => values[i] - values[j]);
  const adjusted = [...values];
  let smallest = 0;
  order.forEach((i, rank) => (adjusted[i] = smallest = Math.max(smallest, Math.min(1, values[i] * (order.length - rank)))));
  return adjusted;
}

// The replicates of a paired bootstrap and of a permutation test, a slice of them at a time.
function* replicates(a, b, group) {
  const C = group.classes.length;
  const [N, drawn, swapped] = [a.length, random(1), random(2)];
  const exact = N <= Math.floor(Math.log2(REPLICATES));
  const exchanges = exact ? 2 ** N : REPLICATES;
  const [bootstrap, permutation] = [[], []];
  for (let done = 0; done < REPLICATES; done++) {
    const [x, y] = [new Float64Array(3 * C), new Float64Array(3 * C)];
    for (let i = 0; i < N; i++) {
      const image = drawn() % N;
      add(x, a[image]);
      add(y, b[image]);
    }
    bootstrap.push(differences(x, y, group));
    if (done < exchanges) {
      const [x, y] = [new Float64Array(3 * C), new Float64Array(3 * C)];
      for (let i = 0, bits = 0; i < N; i++, bits >>>= 1) {
        if (i % 32 === 0) bits = exact ? done : swapped();
        add(x, bits & 1 ? b[i] : a[i]);
        add(y, bits & 1 ? a[i] : b[i]);
      }
      permutation.push(differences(x, y, group));
    }
    if ((done + 1) % SLICE === 0) yield { bootstrap, permutation, exact, share: (done + 1) / REPLICATES };
  }
}

// For each metric and class the interval of the difference and its p-value, fractions; `null` where fewer than two images define it.
function judged(a, b, group, { bootstrap, permutation, exact }) {
  const observed = differences(total(a), total(b), group);
  const ofImages = a.map((column, i) => differences(column, b[i], group));
  const found = observed.map((difference, k) => {
    const defined = ofImages.filter((values) => !Number.isNaN(values[k])).length;
    const sorted = Float64Array.from(bootstrap.map((values) => values[k]).filter((value) => !Number.isNaN(value))).sort();
    const extreme = permutation.filter((values) => !(Math.abs(values[k]) < Math.abs(difference) - TIE)).length;
    const p = exact ? extreme / permutation.length : (1 + extreme) / (1 + permutation.length);
    return { difference, interval: defined >= 2 && sorted.length ? [quantile(sorted, 0.025), quantile(sorted, 0.975)] : null, p };
  });
  const metrics = Object.fromEntries(METRICS_OF_SUMS.map((name, k) => [name, found[k]]));
  const classes = found.slice(METRICS_OF_SUMS.length);
  holm(classes.map((each) => each.p)).forEach((p, c) => (classes[c].p = p));
  return { metrics, classes, exact };
}

// What is found of two models, given to `tell` when it is ready; `going` is asked whether it is still wanted.
function compareImages(group, a, b, going, tell) {
  const [x, y] = [imageSums(group, a), imageSums(group, b)];
  const slices = replicates(x, y, group);
  const step = () => {
    if (!going()) return;
    const { value } = slices.next();
    if (value.share < 1) setTimeout(step);
    else tell(judged(x, y, group, value));
  };
  setTimeout(step);
}
