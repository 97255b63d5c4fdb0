//! What the network makes of every place of its inputs, where these are one or two.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deltarule::dataset::{Dataset, Samples, Targets};
use deltarule::layer::Pass;
use deltarule::network::{Network, Workspace};
use deltarule::{Pool, Real};

use super::messages::{Extent, Map, Maps, UnitMap};

/// Points on a side, at most.
pub const FINEST: usize = 128;
/// Rows that go through the layers at a time.
const BLOCK: usize = 256;
/// Bytes of all hidden units' maps, at most.
const MOST_BYTES: usize = 2 << 20;
/// How far the maps reach beyond the rows, as a share of their extent.
const MARGIN: f64 = 0.15;

/// How far each input goes in these rows, and a little further; `None` unless there are one or two.
pub fn extents<F: Real>(parts: &[&Samples<'_, F>]) -> Option<Vec<Extent>> {
    let rows = parts.first()?;
    if !(1..=2).contains(&rows.dense_width) || rows.code_width > 0 || rows.sparse.is_some() {
        return None;
    }
    let extent = |column: usize| {
        let numbers = parts.iter().flat_map(|part| part.dense.iter().skip(column).step_by(rows.dense_width));
        let numbers = numbers.map(|x| x.to_f64());
        let (least, most) =
            numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        let margin = if most > least { MARGIN * (most - least) } else { 1.0 };
        Extent { low: least - margin, high: most + margin }
    };
    Some((0..rows.dense_width).map(extent).collect())
}

/// A grid of places, and room for what the network makes of them.
pub struct Plane<F: Real> {
    grid: usize,
    places: Dataset<F>,
    units: bool,
    workspace: Workspace<F>,
    /// One layer's activations over all places, unit by unit.
    columns: Vec<F>,
}

impl<F: Real> Plane<F> {
    /// A grid over `extents`, row by row from the second input's low end.
    pub fn new(network: &Network<F>, extents: &[Extent], grid: usize, units: bool) -> Self {
        let place = |extent: &Extent, at: usize| {
            let share = at as f64 / (grid - 1).max(1) as f64;
            F::from_f64(extent.low + share * (extent.high - extent.low))
        };
        let dense: Vec<F> = match extents {
            [first, second] => {
                let row = |j: usize| (0..grid).flat_map(move |i| [place(first, i), place(second, j)]);
                (0..grid).flat_map(row).collect()
            }
            _ => extents.iter().flat_map(|only| (0..grid).map(move |i| place(only, i))).collect(),
        };
        let width = extents.len().max(1);
        let targets = Targets::Values { outputs: 1, values: vec![F::ZERO; dense.len() / width] };
        let places = Dataset::from_dense(width, dense, targets);
        let workspace = network.workspace(BLOCK.min(places.rows.max(1)));
        Self { grid, places, units, workspace, columns: Vec::new() }
    }

    /// The outputs' maps, and those of hidden units where they were asked for and are not too many.
    pub fn draw(&mut self, pool: &Pool, network: &Network<F>) -> Maps {
        let layers = network.layers();
        let last = layers.len() - 1;
        let cells = self.places.rows;
        let hidden = |layer: usize| layer < last && layers[layer].activation().is_some();
        let units: usize = (0..last).filter(|&layer| hidden(layer)).map(|layer| layers[layer].units()).sum();
        let with_units = self.units && units * cells <= MOST_BYTES;
        let drawn: Vec<usize> =
            (0..=last).filter(|&layer| layer == last || (with_units && hidden(layer))).collect();
        let total: usize = drawn.iter().map(|&layer| layers[layer].units()).sum();
        self.columns.resize(total * cells, F::ZERO);
        for from in (0..cells).step_by(BLOCK) {
            let to = cells.min(from + BLOCK);
            network.forward(pool, &mut self.workspace, &self.places.range(from, to), Pass::Inference);
            let mut column = 0;
            for &layer in &drawn {
                let units = layers[layer].units();
                let activations = &self.workspace.kept[layer].a[..(to - from) * units];
                for unit in 0..units {
                    let place = &mut self.columns[(column + unit) * cells..][from..to];
                    for (to, from) in place.iter_mut().zip(activations.iter().skip(unit).step_by(units)) {
                        *to = *from;
                    }
                }
                column += units;
            }
        }
        let mut maps = self.columns.chunks_exact(cells.max(1)).map(map_of);
        let mut all = Maps { grid: self.grid, outputs: Vec::new(), units: Vec::new() };
        for layer in drawn {
            let of_layer = maps.by_ref().take(layers[layer].units());
            if layer == last {
                all.outputs.extend(of_layer);
            } else {
                all.units.extend(of_layer.enumerate().map(|(unit, map)| UnitMap { layer, unit, map }));
            }
        }
        all
    }
}

/// Numbers as bytes from the least to the greatest; what is not finite as the least.
fn map_of<F: Real>(numbers: &[F]) -> Map {
    let finite = numbers.iter().map(|x| x.to_f64()).filter(|x| x.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
    let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
    // `as` rounds NaN to 0 and keeps the rest within a byte.
    let bytes: Vec<u8> = numbers.iter().map(|x| ((x.to_f64() - low) * scale + 0.5) as u8).collect();
    Map { low, high, bytes: STANDARD.encode(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_from_the_least_to_the_greatest() {
        let bytes = |numbers: &[f32]| STANDARD.decode(map_of(numbers).bytes).unwrap();
        assert_eq!(bytes(&[-1.0, 0.0, 1.0]), [0, 128, 255]);
        assert_eq!(bytes(&[3.0, 3.0]), [0, 0]);
        assert_eq!(bytes(&[f32::NAN, 0.0, 2.0]), [0, 0, 255]);
        assert_eq!(bytes(&[f32::NAN]), [0]);
        let map = map_of(&[0.25_f32, -2.0]);
        assert_eq!((map.low, map.high), (-2.0, 0.25));
    }

    #[test]
    fn a_map_reaches_beyond_the_rows_of_all_parts() {
        let part = |dense: Vec<f32>| {
            let values = vec![0.0; dense.len()];
            Dataset::from_dense(1, dense, Targets::Values { outputs: 1, values })
        };
        let (train, validation) = (part(vec![0.0, 1.0]), part(vec![3.0, 2.0]));
        let extent = extents(&[&train, &validation]).unwrap()[0];
        assert!((extent.low - -0.45).abs() < 1e-12 && (extent.high - 3.45).abs() < 1e-12, "{extent:?}");
        let wide =
            Dataset::from_dense(3, vec![0.0_f32; 3], Targets::Values { outputs: 1, values: vec![0.0] });
        assert!(extents(&[&wide]).is_none());
    }

    #[test]
    fn a_map_has_the_networks_own_numbers_at_its_corners() {
        use deltarule::Activation;
        use deltarule::network::NetworkSpec;

        let pool = Pool::new(1);
        let spec = NetworkSpec::new(2).dense(3, Activation::Tanh).dense(1, Activation::Sigmoid);
        let network = spec.build::<f32>(4).unwrap();
        let extents = [Extent { low: -1.0, high: 1.0 }, Extent { low: 2.0, high: 4.0 }];
        let maps = Plane::new(&network, &extents, 20, true).draw(&pool, &network);
        assert_eq!((maps.outputs.len(), maps.units.len()), (1, 3));
        let map = &maps.outputs[0];
        let bytes = STANDARD.decode(&map.bytes).unwrap();
        assert_eq!(bytes.len(), 400);
        for (at, corner) in [(0, [-1.0, 2.0]), (19, [1.0, 2.0]), (380, [-1.0, 4.0]), (399, [1.0, 4.0])] {
            let place =
                Dataset::from_dense(2, corner.to_vec(), Targets::Values { outputs: 1, values: vec![0.0] });
            let mut workspace = network.workspace(1);
            network.forward(&pool, &mut workspace, &place.range(0, 1), Pass::Inference);
            let expected = f64::from(network.output(&workspace, 1).1[0]);
            let drawn = map.low + f64::from(bytes[at]) / 255.0 * (map.high - map.low);
            assert!((drawn - expected).abs() <= (map.high - map.low) / 500.0, "{corner:?}");
        }
        assert!(Plane::new(&network, &extents, 20, false).draw(&pool, &network).units.is_empty());
    }
}
